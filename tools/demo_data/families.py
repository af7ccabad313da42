"""Groove families of each genre: the unit that never crosses a train/test border.

Several grooves in one family are variants; a clip alternates two of them. library_families.py and
bands.py fill the table.
"""

from dataclasses import dataclass

GENRES = "blues classical country disco hiphop jazz metal pop reggae rock".split()
FAMILIES = {genre: [] for genre in GENRES}


@dataclass(frozen=True)
class Family:
    name: str
    grooves: list  # MMA grooves as library/file:Name; for a band: its drum patterns, may be empty
    tempo: tuple  # range in beats per minute
    beats: int = 4  # in a bar
    parts: str = ""  # MMA text of the band's tracks; "": a complete groove of MMA's library
    has_drums: bool = True
    has_lead: bool = True


def full(genre, name, grooves, tempo, beats=4, nodrums=False):
    # Grooves are named library/file:Name, which spares MMA a search through all its libraries.
    names = [g if ":" in g else f"{name}:{g}" for g in grooves.split()]
    FAMILIES[genre].append(Family(name, names, tempo, beats, has_drums=not nodrums))


def band(genre, name, drums, parts, tempo, beats=4):
    has_drums = bool(drums) or "drum" in parts.lower()
    FAMILIES[genre].append(Family(f"band/{genre}-{name}", drums.split(), tempo, beats, parts, has_drums))
