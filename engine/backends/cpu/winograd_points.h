#pragma once

// The numbers that make F(4x4, 3x3) (winograd_transform.h).
namespace vggroove::cpu {

// The interpolation points are 0, +-p, +-q and infinity.
inline constexpr float kP = 0.625f, kQ = 1.25f;
inline constexpr float kP2 = kP * kP, kQ2 = kQ * kQ, kP3 = kP2 * kP, kQ3 = kQ2 * kQ;

// The Lagrange denominators of 0, +-p and +-q.
inline constexpr double kDenominator0 = double{kP} * kP * kQ * kQ;
inline constexpr double kDenominatorP = 2.0 * kP * kP * (double{kP} * kP - double{kQ} * kQ);
inline constexpr double kDenominatorQ = 2.0 * kQ * kQ * (double{kQ} * kQ - double{kP} * kP);

}  // namespace vggroove::cpu
