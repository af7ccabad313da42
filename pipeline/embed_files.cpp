#include "pipeline/embed_files.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "pipeline/clip_decoder.h"
#include "pipeline/read_ahead.h"

namespace vggroove {

namespace {

// Examples per run of the network. The weights (270 MB of dense layers) are streamed once per
// batch, so that small batches are bound by memory; 32 examples are enough to hide that, and a
// worker's activations stay below 60 MB.
constexpr std::size_t kBatchExamples = 32;

// Files in flight per worker: opened, and not yet delivered. Enough for every worker to fill two
// batches with clips of one example each.
constexpr std::size_t kFilesInFlightPerJob = 2 * kBatchExamples;

// No further file is opened while embeddings of 35 hours (64 MB) wait for an earlier file.
constexpr std::size_t kMaxUndeliveredRows = std::size_t{1} << 17;

// How long the caller's thread waits at most before it reports progress (and may throw).
constexpr std::chrono::milliseconds kProgressInterval{100};

struct ClipInFlight {
  std::size_t index = 0;  // in paths
  // The rest of the struct is guarded by EmbedRun::mutex_, but for the decoder: that belongs to
  // the one worker that has taken the clip.
  EmbeddedClip clip;
  std::unique_ptr<ClipDecoder> decoder;
  std::size_t rows_embedded = 0;
  bool decoded = false;  // to its end, or to its error

  bool complete() const { return decoded && rows_embedded == clip.num_examples(); }
};

// What one worker collects before it runs the network: examples of one clip or of many, in the
// network's form.
struct Batch {
  explicit Batch(ExampleForm form)
      : values_per_example(example_values(form)), examples(kBatchExamples * values_per_example) {}

  struct Piece {
    ClipInFlight* clip;
    std::size_t first_row, num_rows;  // of the clip's embeddings
  };
  std::size_t values_per_example;
  std::vector<float> examples;
  std::vector<float> embeddings = std::vector<float>(kBatchExamples * kEmbeddingSize);
  std::vector<Piece> pieces;
  std::size_t num_examples = 0;

  float* free_space() { return examples.data() + num_examples * values_per_example; }
  std::size_t room() const { return kBatchExamples - num_examples; }
};

// Every worker does the same: decode into its own batch until that is full, run the network on it,
// store the rows. A clip that outlasts a batch goes back to the others before the network runs, so
// that one long file keeps all workers busy: one decodes, the rest compute. Work comes in pieces
// of 10 to 100 ms, so one mutex serves all.
class EmbedRun {
 public:
  EmbedRun(std::span<const std::filesystem::path> paths, const Vggish& net,
           const EmbedFilesOptions& options)
      : paths_(paths),
        net_(net),
        strict_(options.strict),
        num_workers_(options.num_jobs > 0
                         ? static_cast<std::size_t>(options.num_jobs)
                         : std::max<std::size_t>(1, std::thread::hardware_concurrency())) {
    progress_.files_total = paths.size();
  }

  void run(const std::function<void(EmbeddedClip&&)>& on_clip,
           const std::function<void(const EmbedFilesProgress&)>& on_progress) {
    std::vector<std::jthread> workers;  // joined on every way out, after stop()
    try {
      for (std::size_t i = 0; i < num_workers_; ++i) {
        workers.emplace_back([this] { work(); });
      }
      while (progress_.files_done < paths_.size()) {
        std::unique_ptr<ClipInFlight> finished = wait_for_finished_clip();
        if (finished != nullptr) {
          on_clip(std::move(finished->clip));
        }
        if (on_progress) {
          on_progress(progress());
        }
      }
    } catch (...) {
      stop(nullptr);
      throw;
    }
  }

 private:
  // --- the caller's thread ---

  // The next clip in the order of the paths; nullptr where there is only progress to report.
  std::unique_ptr<ClipInFlight> wait_for_finished_clip() {
    std::unique_lock lock(mutex_);
    clip_finished_.wait_for(lock, kProgressInterval, [this] {
      return failure_ != nullptr || (!in_flight_.empty() && in_flight_.front()->complete());
    });
    if (failure_ != nullptr) {
      std::rethrow_exception(failure_);
    }
    if (in_flight_.empty() || !in_flight_.front()->complete()) {
      return nullptr;
    }
    std::unique_ptr<ClipInFlight> finished = std::move(in_flight_.front());
    in_flight_.pop_front();
    undelivered_rows_ -= finished->clip.num_examples();
    ++progress_.files_done;
    if (finished->clip.error) {
      ++progress_.files_failed;
      finished->clip.embeddings.clear();
    }
    work_available_.notify_all();  // there is room in the window
    return finished;
  }

  EmbedFilesProgress progress() {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

  void stop(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (failure_ == nullptr) {
      failure_ = std::move(failure);
    }
    work_available_.notify_all();
    clip_finished_.notify_all();
  }

  // --- the workers ---

  void work() {
    try {
      Batch batch(net_.input_form());
      std::unique_ptr<Vggish::Session> session;
      for (;;) {
        ClipInFlight* clip = take_clip(/*wait=*/batch.num_examples == 0);
        if (clip != nullptr) {
          decode(*clip, batch);
        } else if (batch.num_examples == 0) {
          return;
        }
        if (stopping_) {
          return;
        }
        if (batch.room() == 0 || clip == nullptr) {
          if (session == nullptr) {
            session = net_.new_session(kBatchExamples);  // only where there is work for it
          }
          session->embed(batch.examples.data(), batch.num_examples, batch.embeddings.data());
          store(batch);
        }
      }
    } catch (...) {
      stop(std::current_exception());
    }
  }

  // A clip to decode from: the oldest that was put back, else the next path. nullptr: there is
  // none, and with `wait` there never will be. Whoever holds part of a batch must not wait: the
  // window may be full of clips that wait for this batch.
  ClipInFlight* take_clip(bool wait) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (stopping_) {
        return nullptr;
      }
      if (!put_back_.empty()) {
        const auto oldest = std::min_element(
            put_back_.begin(), put_back_.end(),
            [](const ClipInFlight* a, const ClipInFlight* b) { return a->index < b->index; });
        ClipInFlight* clip = *oldest;
        put_back_.erase(oldest);
        ++num_taken_;
        return clip;
      }
      const bool all_opened = next_path_ == paths_.size();
      if (!all_opened && in_flight_.size() < kFilesInFlightPerJob * num_workers_ &&
          undelivered_rows_ < kMaxUndeliveredRows) {
        in_flight_.push_back(std::make_unique<ClipInFlight>());
        ClipInFlight* clip = in_flight_.back().get();
        clip->index = next_path_;
        clip->clip.path = paths_[next_path_++];
        ++num_taken_;
        return clip;
      }
      if (!wait || (all_opened && num_taken_ == 0)) {
        return nullptr;
      }
      work_available_.wait(lock);
    }
  }

  // Decodes until the batch is full or the clip ends; a trouble of the file is the clip's error.
  void decode(ClipInFlight& flight, Batch& batch) {
    double seconds_before = 0;
    std::optional<Error> error;
    const std::string& name = flight.clip.path.native();
    try {
      if (flight.decoder == nullptr) {
        if (flight.index + num_workers_ < paths_.size()) {
          start_reading_ahead(paths_[flight.index + num_workers_]);
        }
        flight.decoder =
            std::make_unique<ClipDecoder>(flight.clip.path, strict_, net_.input_form());
      }
      seconds_before = flight.decoder->decoded_seconds();
      const std::size_t num_decoded = flight.decoder->decode(batch.free_space(), batch.room());
      make_rows(flight, num_decoded, batch);
    } catch (const Error& trouble) {
      error = trouble;
    } catch (const std::bad_alloc&) {
      error = Error(ErrorClass::kIo, name + ": not enough memory to decode this file");
    } catch (const std::exception& trouble) {
      error = Error(ErrorClass::kCorrupt, name + ": cannot decode: " + trouble.what());
    }
    const bool finished = error || flight.decoder->finished();
    std::unique_ptr<ClipDecoder> no_longer_needed;  // closed after the mutex is released

    const std::lock_guard lock(mutex_);
    --num_taken_;
    if (flight.decoder != nullptr) {
      flight.clip.duration_s = flight.decoder->decoded_seconds();
      flight.clip.padded = flight.decoder->padded();
      progress_.audio_seconds += flight.clip.duration_s - seconds_before;
    }
    if (finished) {
      flight.clip.error = std::move(error);
      flight.decoded = true;
      no_longer_needed = std::move(flight.decoder);
      announce_if_complete(flight);
      if (next_path_ == paths_.size() && num_taken_ == 0) {
        work_available_.notify_all();  // nothing is left to wait for
      }
    } else {
      put_back_.push_back(&flight);
      work_available_.notify_one();
    }
  }

  // Room in the clip for the embeddings of the examples that were decoded into the batch.
  void make_rows(ClipInFlight& flight, std::size_t num_decoded, Batch& batch) {
    if (num_decoded == 0) {
      return;
    }
    const std::lock_guard lock(mutex_);
    const std::size_t first_row = flight.clip.num_examples();
    batch.pieces.push_back({&flight, first_row, num_decoded});
    try {
      flight.clip.embeddings.resize((first_row + num_decoded) * kEmbeddingSize);
    } catch (const std::bad_alloc&) {
      batch.pieces.pop_back();
      throw;
    }
    batch.num_examples += num_decoded;
    undelivered_rows_ += num_decoded;
  }

  void store(Batch& batch) {
    const std::lock_guard lock(mutex_);
    const float* rows = batch.embeddings.data();
    for (const Batch::Piece& piece : batch.pieces) {
      std::copy_n(rows, piece.num_rows * kEmbeddingSize,
                  piece.clip->clip.embeddings.data() + piece.first_row * kEmbeddingSize);
      rows += piece.num_rows * kEmbeddingSize;
      piece.clip->rows_embedded += piece.num_rows;
      announce_if_complete(*piece.clip);
    }
    batch.pieces.clear();
    batch.num_examples = 0;
  }

  void announce_if_complete(const ClipInFlight& flight) {
    if (flight.complete() && &flight == in_flight_.front().get()) {
      clip_finished_.notify_one();
    }
  }

  const std::span<const std::filesystem::path> paths_;
  const Vggish& net_;
  const bool strict_;
  const std::size_t num_workers_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable work_available_, clip_finished_;
  std::deque<std::unique_ptr<ClipInFlight>> in_flight_;  // in the order of paths_
  std::vector<ClipInFlight*> put_back_;                  // partly decoded, held by no worker
  std::size_t num_taken_ = 0;                            // clips that workers are decoding
  std::size_t next_path_ = 0;
  std::size_t undelivered_rows_ = 0;
  EmbedFilesProgress progress_;
  std::atomic<bool> stopping_ = false;  // set under the mutex, read anywhere
  std::exception_ptr failure_;          // of a worker, for the caller
};

}  // namespace

void embed_files(std::span<const std::filesystem::path> paths, const Vggish& net,
                 const EmbedFilesOptions& options,
                 const std::function<void(EmbeddedClip&&)>& on_clip,
                 const std::function<void(const EmbedFilesProgress&)>& on_progress) {
  EmbedRun(paths, net, options).run(on_clip, on_progress);
}

}  // namespace vggroove
