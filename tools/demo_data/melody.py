"""Lead lines, written straight into the MIDI file that MMA made of the accompaniment."""

import random
import struct

from harmony import DURATIONS, LEADS, PITCH_CLASSES, QUALITIES, SCALES

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
VOLUME = 7  # controller


def chord_pitch_classes(name):
    root, rest = PITCH_CLASSES[name[0]], name[1:]
    if rest[:1] in ("#", "b"):
        root += 1 if rest[0] == "#" else -1
        rest = rest[1:]
    return [(root + interval) % 12 for interval in dict(QUALITIES)[rest]]


def variable_length(n):
    out = [n & 0x7F]
    n >>= 7
    while n:
        out.insert(0, (n & 0x7F) | 0x80)
        n >>= 7
    return bytes(out)


def track_chunk(events):
    """events: (tick, order within the tick, message) -> one MTrk chunk"""
    data, last = bytearray(), 0
    for tick, _, message in sorted(events, key=lambda e: e[:2]):
        data += variable_length(max(0, tick - last)) + message
        last = max(tick, last)
    data += b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(data)) + bytes(data)


def lead_events(rng, clip, bars, ticks_per_beat, program, channel, volume):
    """A line that leans on the chords: random walk on a scale, in rhythm cells of the genre."""
    _, major_scales, minor_scales, swing, cells, density = LEADS[clip["genre"]]
    swing = min(0.68, max(0.5, rng.gauss(swing, 0.02)))
    scale = SCALES[rng.choice(minor_scales if clip["tonic"] == "A" else major_scales)]
    key = PITCH_CLASSES[clip["tonic"]]
    allowed = {(key + step) % 12 for step in scale}
    low = rng.choice((55, 60, 64))
    high = low + rng.choice((17, 20, 24))
    pool = [p for p in range(low, high) if p % 12 in allowed]
    events = [
        (0, 0, bytes((PROGRAM | channel, program - 1))),
        (0, 1, bytes((CONTROL | channel, VOLUME, volume))),
    ]
    start_bar = rng.choice((0, 0, 1, 2, 4))
    motif = [[rng.choice(cells) for _ in range(4)] for _ in range(2)]
    position = len(pool) // 2
    beats = clip["beats"]
    for b, bar in enumerate(bars):
        if b < start_bar or rng.random() > density + (0.15 if b % 4 == 0 else 0):
            continue
        cell = motif[(b // 8) % 2][b % 4] if rng.random() < 0.7 else rng.choice(cells)
        chords = [c for c in bar.split() if c != "/"]
        t = 0.0  # beats into the bar
        for token in cell.split():
            if token[0] == "r":
                t += 1.5 if token == "r." else float(token[1:])
                continue
            if t >= beats - 0.01:
                break
            duration = DURATIONS[token]
            chord = chord_pitch_classes(chords[min(len(chords) - 1, int(t / (beats / len(chords))))])
            position += rng.choice((-2, -1, -1, 0, 1, 1, 2) if rng.random() < 0.85 else (-4, 4, 3, -3))
            position = min(len(pool) - 1, max(0, position))
            pitch = pool[position]
            on_the_beat = t % 1 < 0.01
            if (on_the_beat and rng.random() < 0.7) or duration >= 1.5:
                near = min(range(low, high), key=lambda p: (p % 12 not in chord, abs(p - pitch)))
                pitch = near
                position = min(range(len(pool)), key=lambda i: abs(pool[i] - near))
            swung = int(t) + swing if abs(t % 1 - 0.5) < 0.01 else t
            on = max(0, int((b * beats + swung) * ticks_per_beat + rng.gauss(0, ticks_per_beat * 0.012)))
            off = int((b * beats + swung + duration * rng.uniform(0.7, 0.98)) * ticks_per_beat)
            velocity = int(min(127, max(35, rng.gauss(92 if on_the_beat else 82, 8))))
            key_number = min(127, max(0, pitch + clip["transpose"]))
            events.append((on, 3, bytes((NOTE_ON | channel, key_number, velocity))))
            events.append((max(on + 8, off), 2, bytes((NOTE_OFF | channel, key_number, 0))))
            bends = clip["genre"] in ("blues", "metal", "rock", "jazz")
            if bends and duration >= 1 and rng.random() < 0.4:
                for k in range(5):  # up into the note
                    tick = on + k * ticks_per_beat // 16
                    events.append((tick, 2, bytes((BEND | channel, 0, 0x40 - 20 + 5 * k))))
            t += duration
    return events


def add_tracks(midi, clip, bars, has_drums):
    """The accompaniment's MIDI bytes, with our mix settings and lead lines as further tracks."""
    _, num_tracks, ticks_per_beat = struct.unpack(">HHH", midi[8:14])
    drum_volume = clip["drum_volume"] if has_drums else 0
    events = [
        (0, 0, bytes((PROGRAM | 9, clip["kit"]))),
        (0, 0, bytes((CONTROL | 9, VOLUME, drum_volume))),
    ]
    for channel in range(2, 16):
        if channel != 9:
            events.append((0, 0, bytes((CONTROL | channel, VOLUME, clip["mix"][channel]))))
    chunks = [track_chunk(events)]
    rng = random.Random(clip["voice_seed"] + 1)
    for channel, program in ((0, clip["lead"]), (1, clip["lead2"])):
        if program:
            volume = rng.randint(75, 120)
            chunks.append(track_chunk(lead_events(rng, clip, bars, ticks_per_beat, program, channel, volume)))
    header = midi[:8] + struct.pack(">HHH", 1, num_tracks + len(chunks), ticks_per_beat)
    return header + midi[14:] + b"".join(chunks)
