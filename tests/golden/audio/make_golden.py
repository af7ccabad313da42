#!/usr/bin/env python3
"""Makes clip.{flac,mp3,ogg,opus} and golden.npz: what FFmpeg's own decoders, the mean over the
channels in float64 and python-soxr make of them at 16 kHz.

    make_golden.py FOLDER

FFmpeg shares no decoder with libsndfile, libmpg123, libvorbis and libopus. Its MP3 and Opus agree
with theirs to the rounding of fp32, and it cuts encoder delay and padding on its own account.
"resampled_noise" is soxr alone, on the noise of the linear congruential generator below.
Made with Python 3.11, NumPy 2.4, soundfile 0.14 (libsndfile 1.2.2), PyAV 18.1, soxr 1.1.
"""

import sys

import av
import numpy as np
import soundfile
import soxr

RATE_HZ = 16000
CLIPS = {
    "flac": ("FLAC", "PCM_16", 44100),
    "mp3": ("MP3", "MPEG_LAYER_III", 44100),
    "ogg": ("OGG", "VORBIS", 44100),
    "opus": ("OGG", "OPUS", 48000),
}


def stereo_clip(rate_hz):
    """0.1 s: a rising tone with a click on the left, a chord on the right."""
    time_s = np.arange(rate_hz // 10) / rate_hz
    left = 0.4 * np.sin(2 * np.pi * (300 * time_s + 20000 * time_s**2))
    left[rate_hz // 20] += 0.5
    right = sum(0.15 * np.sin(2 * np.pi * hz * time_s) for hz in (440, 554, 659, 3300))
    return np.stack([left, right], axis=1).astype(np.float32)


def decode_with_ffmpeg(path):
    frames = []
    with av.open(path) as container:
        for frame in container.decode(container.streams.audio[0]):
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            if samples.dtype == np.int16:
                samples = samples / 32768.0
            frames.append(samples)
            rate_hz = frame.sample_rate
    return np.concatenate(frames, axis=1), rate_hz


def congruential_noise(num_samples):
    state, samples = 1, np.empty(num_samples, np.float32)
    for i in range(num_samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        samples[i] = ((state >> 16) - 32768) / 32768
    return samples


def main():
    folder, golden = sys.argv[1], {}
    for extension, (container, codec, rate_hz) in CLIPS.items():
        path = f"{folder}/clip.{extension}"
        soundfile.write(path, stereo_clip(rate_hz), rate_hz, codec, format=container)
        channels, decoded_rate_hz = decode_with_ffmpeg(path)
        mono = channels.astype(np.float64).mean(axis=0)
        golden[extension] = soxr.resample(mono, decoded_rate_hz, RATE_HZ, "HQ").astype(np.float32)
    for rate_hz in (8000, 22050, 44100, 48000, 192000):
        noise = congruential_noise(rate_hz // 20)
        resampled = soxr.resample(noise, rate_hz, RATE_HZ, "HQ")
        golden[f"resampled_noise_{rate_hz}"] = resampled.astype(np.float32)
    np.savez_compressed(f"{folder}/golden.npz", **golden)


main()
