#pragma once

#include "plot/canvas.h"

namespace vggroove::plot {

// From dark violet over blue-green to pale yellow: equal steps look equally large (lightness is
// linear in a perceptual colour space), also in grey and to the colour-blind. Fraction in [0, 1];
// outside is clamped, NaN is grey.
Colour map_colour(double fraction);

// From white to deep blue, for counts and shares that start at zero.
Colour share_colour(double fraction);

// Black or white ink, whichever reads better on a background.
Colour ink_on(Colour background);

}  // namespace vggroove::plot
