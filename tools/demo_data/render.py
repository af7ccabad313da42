"""Planned clip -> WAV: MMA writes the accompaniment, fluidsynth plays it, sox mixes it."""

import os
import pathlib
import random
import re
import subprocess
import tempfile
import wave

from melody import add_tracks

RATE_HZ = 22050
SECONDS = 30.0


def mma_text(clip, num_bars):
    """The accompaniment in MMA's language, and the chord of every bar."""
    lines = [f"RndSeed {clip['groove_seed']}", f"Tempo {clip['tempo']}", f"Transpose {clip['transpose']}"]
    if clip["voice_substitutes"]:
        lines.append("VoiceTr " + " ".join(clip["voice_substitutes"]))
    grooves = clip["grooves"]
    if clip["family"].parts:
        rng = random.Random(clip["voice_seed"])
        parts = re.sub(r"@\{([^}]*)\}", lambda m: rng.choice(m.group(1).split("|")), clip["family"].parts)
        drums, grooves = grooves or [""], []
        for i, drum in enumerate(drums):
            lines += [f"Groove {drum}"] if drum else []
            lines += [parts, f"DefGroove Band{i}"]
            grooves.append(f"Band{i}")
    lines.append(f"Groove {grooves[0]}")
    bars = []
    for bar in range(num_bars):
        if bar and bar % 8 == 0 and len(grooves) > 1:
            lines.append(f"Groove {grooves[(bar // 8) % len(grooves)]}")
        chord = clip["chords"][bar % len(clip["chords"])]
        if clip["beats"] != 4 and "/" in chord:
            chord = chord.split()[0]
        bars.append(chord)
        lines.append(f"{bar + 1} {chord}")
    return "\n".join(lines) + "\n", bars


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        output = done.stdout.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(map(str, command))}\n{output}")


def effects(clip):
    fx = ["gain", "-n", "-12", "bass", clip["bass_db"], "treble", clip["treble_db"]]
    if clip["overdrive_db"]:
        fx += ["norm", "-3", "overdrive", clip["overdrive_db"], "15", "highpass", "25"]
    if clip["compressed"]:
        fx += ["norm", "-3", "compand", "0.02,0.2", "6:-60,-50,-30,-14,-20,-9,0,-4", "-3", "-60", "0.05"]
    if clip["reverb"]:
        fx += ["gain", "-6", "reverb", clip["reverb"], "50", "60"]
    if clip["lowpass_hz"]:
        fx += ["lowpass", clip["lowpass_hz"]]
    return [str(x) for x in fx + ["highpass", "22", "norm", "-1"]]


def is_complete(path):
    try:
        with wave.open(str(path)) as file:
            shape = (file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes())
            return shape == (RATE_HZ, 1, 2, int(RATE_HZ * SECONDS))
    except (OSError, EOFError, wave.Error):
        return False


def render(clip, out):
    """Makes out/clip["path"] unless it is there already; a run can be stopped and taken up again."""
    destination = pathlib.Path(out) / clip["path"]
    if is_complete(destination):
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vggroove-demo-") as folder:
        folder = pathlib.Path(folder)
        seconds = SECONDS + clip["start_s"] + 1.5
        text, bars = mma_text(clip, int(seconds * clip["tempo"] / 60 / clip["beats"]) + 2)
        (folder / "a.mma").write_text(text)
        run("mma", "-w", "a.mma", "-f", "a.mid", cwd=folder)
        midi = folder / "a.mid"
        midi.write_bytes(add_tracks(midi.read_bytes(), clip, bars, clip["family"].has_drums))

        # Loading only the samples in use takes 0.3 s instead of 10 s with compressed soundfonts.
        synth = ["-o", "synth.dynamic-sample-loading=1", "-o", "synth.cpu-cores=1"]
        played, mixed, noise, done = (folder / f"{x}.wav" for x in ("played", "mixed", "noise", "done"))
        run(
            "fluidsynth",
            "-ni",
            "-q",
            *synth,
            "-r",
            "44100",
            "-g",
            "0.4",
            "-T",
            "wav",
            "-F",
            played,
            clip["soundfont"],
            midi,
        )
        trim = ["trim", str(clip["start_s"]), str(SECONDS + 0.5)]
        run("sox", "-R", played, "-b", "16", mixed, "remix", "-", *trim, "rate", "-m", str(RATE_HZ), *effects(clip))
        length = f"{SECONDS + clip['start_s'] + 1:.3f}"
        run(
            "sox",
            "-R",
            "-r",
            str(RATE_HZ),
            "-n",
            "-c",
            "1",
            "-b",
            "16",
            noise,
            "synth",
            length,
            clip["noise"],
            "norm",
            "-1",
            "trim",
            str(clip["start_s"]),
            "gain",
            str(clip["noise_db"]),
        )
        exactly = ["pad", "0", "5", "trim", "0", f"{int(SECONDS * RATE_HZ)}s"]
        run(
            "sox",
            "-R",
            "-m",
            "-v",
            "1",
            mixed,
            "-v",
            "1",
            noise,
            "-b",
            "16",
            "-c",
            "1",
            done,
            *exactly,
            "norm",
            str(clip["peak_db"]),
        )
        if not is_complete(done):
            raise RuntimeError(f"sox made a WAV of the wrong length for {clip['path']}")
        partial = destination.with_suffix(".part")
        partial.write_bytes(done.read_bytes())
        os.replace(partial, destination)
