"""What a clip will be, all of it decided by (seed, genre, index)."""

import hashlib
import pathlib
import random

import bands  # noqa: F401  (fills FAMILIES)
import library_families  # noqa: F401  (fills FAMILIES)
from families import FAMILIES, GENRES
from harmony import DRUM_KITS, LEADS, PROGRESSIONS, VOICE_CLASSES

# Mixing habits of a genre: bass and treble in dB, chance of overdrive.
LEANINGS = {
    "blues": (0, -1, 0.15),
    "classical": (-1, -1, 0),
    "country": (-1, 2, 0.05),
    "disco": (2, 2, 0.1),
    "hiphop": (5, 0, 0.2),
    "jazz": (0, -1, 0.02),
    "metal": (2, 4, 0.8),
    "pop": (1, 1, 0.05),
    "reggae": (4, -1, 0.05),
    "rock": (1, 2, 0.45),
}
REVERB = {"classical": 45, "metal": 15, "hiphop": 12}
DULL = {"blues": 0.3, "jazz": 0.25, "country": 0.2, "classical": 0.15}  # chance of a low-pass: old records
SQUEEZED = {"classical": 0.05, "jazz": 0.15, "blues": 0.3, "country": 0.35}  # chance of compression


def split_part(genre, items, name_of, split, test_share, most=0):
    """The items of one side of the train/test border, by a fixed shuffle; at most `most` in all."""
    order = sorted(items, key=lambda x: hashlib.sha256((genre + name_of(x)).encode()).digest())
    num_test = max(2, round(len(order) * test_share))
    if most:
        kept = max(1, min(num_test, round(most * test_share)))
        order = order[:kept] + order[num_test : num_test + max(1, most - kept)]
        num_test = kept
    return order[:num_test] if split == "test" else order[num_test:]


def plan_clip(seed, genre, index, num_clips, test_share, soundfonts, variety, num_families):
    num_test = max(1, round(num_clips * test_share)) if num_clips > 1 else 0
    tests_before = index * num_test // num_clips  # test clips are spread evenly over the indices
    is_test = (index + 1) * num_test // num_clips > tests_before
    split = "test" if is_test else "train"
    rank = tests_before if is_test else index - (index + 1) * num_test // num_clips
    families = split_part(genre, FAMILIES[genre], lambda f: f.name, split, test_share, num_families)
    progressions = split_part(genre, PROGRESSIONS[genre], lambda p: p[0], split, test_share)
    turns = list(range(len(families)))
    random.Random(f"{seed}/{genre}/{split}/order").shuffle(turns)
    family = families[turns[rank % len(families)]]

    rng = random.Random(f"{seed}/{genre}/{index}")
    progression = rng.choice(progressions)
    if genre == "blues" and family.name.startswith("stdlib/") and rng.random() < 0.3:
        progression = progressions[0]
    grooves = list(family.grooves)
    rng.shuffle(grooves)
    soundfont = rng.choice(soundfonts)
    clip = {
        "path": f"{genre}/{genre}.{index:05d}.wav",
        "genre": genre,
        "split": split,
        "family": family,
        "soundfont": soundfont,
        "soundfont_name": pathlib.Path(soundfont).stem,
        "grooves": grooves[:2],
        "progression": progression[0],
        "tonic": progression[1],
        "chords": progression[2].split("-"),
        "tempo": round(rng.uniform(*family.tempo), 1),
        "beats": family.beats,
        "transpose": rng.randint(-5, 6),
        "kit": rng.choice(DRUM_KITS[genre]),
        "groove_seed": rng.randrange(1, 10**6),
    }
    if rng.random() < 0.3 * variety:
        clip["kit"] = rng.choice((0, 8, 16, 24, 25, 32, 40))
    leads = LEADS[rng.choice(GENRES) if rng.random() < 0.25 * variety else genre][0]
    clip["lead"] = rng.choice(leads) if family.has_lead and rng.random() < 0.8 else 0
    clip["lead2"] = rng.choice(leads) if clip["lead"] and rng.random() < 0.2 else 0
    clip["voice_substitutes"] = [
        f"{voice}={rng.choice([other for other in voices if other != voice])}"
        for voices in VOICE_CLASSES
        for voice in voices
        if rng.random() < 0.06 + 0.28 * variety
    ]
    clip["voice_seed"] = rng.randrange(10**6)
    low, high = 92 - int(25 * variety), 105 + int(12 * variety)
    clip["mix"] = [rng.randint(low, high) for _ in range(16)]
    clip["drum_volume"] = rng.randint(low, high)
    clip["start_s"] = round(rng.uniform(0, 4), 3)
    # The mix is a lottery, as wide as the variety, around the genre's habits.
    bass, treble, overdrive = LEANINGS[genre]
    clip["bass_db"] = round(bass + rng.gauss(0, 1 + 3.5 * variety), 1)
    clip["treble_db"] = round(treble + rng.gauss(0, 1 + 4 * variety), 1)
    clip["reverb"] = int(min(95, max(0, rng.gauss(REVERB.get(genre, 25), 10 + 14 * variety))))
    is_dull = rng.random() < DULL.get(genre, 0.1) * (0.3 + variety)
    clip["lowpass_hz"] = int(rng.uniform(3000, 8000)) if is_dull else 0
    drive = rng.uniform(6, 18) if genre == "metal" else rng.uniform(3, 12)
    clip["overdrive_db"] = round(drive, 1) if rng.random() < overdrive + 0.08 * variety else 0
    clip["compressed"] = rng.random() < SQUEEZED.get(genre, 0.6)
    clip["noise"] = rng.choice(("pinknoise", "brownnoise", "whitenoise", "tpdfnoise"))
    clip["noise_db"] = round(rng.uniform(-75, -56 + 18 * variety), 1)
    clip["peak_db"] = round(-abs(rng.gauss(0, 3.5)) - 0.3, 1)
    return clip
