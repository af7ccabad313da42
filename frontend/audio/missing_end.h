#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace vggroove {

// What a file lacks of the length that its own structure promises, in words for a person ("its
// header promises 1323000 bytes of samples, 400000 are there"); "" where nothing is missing or the
// format does not tell. AudioReader uses such a file as far as it goes.
//   decoded_frames  that a decoder got out of the file
// Seen: WAV, AIFF and AU by the size of their samples; FLAC by its number of frames; Ogg by the
// mark of its last page; MPEG by the Xing header's number of bytes, and by a last frame that is
// cut. Throws the errors of AudioFile and recognise_content().
std::string missing_end(const std::filesystem::path& path, std::int64_t decoded_frames);

}  // namespace vggroove
