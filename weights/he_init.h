#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

namespace vggroove::weights {

// He initialisation (He et al. 2015) of VGGish: weights normal with variance 2 / fan_in, biases 0.
// fan_in is 9 * input channels of a convolution and the inputs of a dense layer. The last layer has
// no ReLU, where 1 / fan_in would keep the variance; it gets 2 / fan_in all the same, so that one
// rule holds: the embeddings of a fresh network are sqrt(2) larger for it.
//
// The values are defined so that any language reproduces them (up to the last bit of its log and
// cosine): all arithmetic on 64-bit unsigned integers and doubles,
//   g = 0x9e3779b97f4a7c15
//   mix(z): z = (z ^ z>>30) * 0xbf58476d1ce4e5b9; z = (z ^ z>>27) * 0x94d049bb133111eb; z ^ z>>31
//   t = mix(seed + g * (1 + tensor))              tensor: place in vggish_tensors(), from 0
//   a = mix(t + g * (2 p + 1)), b = mix(t + g * (2 p + 2))        for pair p = 0, 1, ...
//   r = sqrt(-2 ln(((a >> 11) + 1) / 2^53)), phi = 2 pi (b >> 11) / 2^53
//   value 2p = float(sqrt(2 / fan_in) * r cos(phi)), value 2p + 1 = float(... * r sin(phi))
// with the values in row-major order of the canonical layout.

// Values [first, first + out.size()) of tensor number `tensor`. Safe to call from several threads.
void he_init(std::uint64_t seed, std::size_t tensor, std::int64_t first, std::span<float> out);

// Writes a whole model, architecture "vggish", origin "he-init". `frontend` is stored as it is.
// Memory: one piece of 16 MB. `num_threads` >= 1 compute; the result does not depend on it.
void write_he_init_model(const std::filesystem::path& path, std::uint64_t seed,
                         const nlohmann::json& frontend, unsigned num_threads);

}  // namespace vggroove::weights
