#pragma once

#include "frontend/audio/audio_file.h"

namespace vggroove {

enum class AudioContent { kLibsndfile, kOpus, kMpeg };

// Sees from the bytes (never from the name) what kind of audio the file holds, and hides what
// stands in front of it: ID3v2 tags, and junk before the first MPEG frame.
// Throws Error kUnsupported, naming what the file is instead where that is known.
AudioContent recognise_content(AudioFile& file);

}  // namespace vggroove
