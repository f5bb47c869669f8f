"""One step of tsit5: Tsitouras, Computers & Mathematics with Applications 62 (2011) 770-775.

Generated from the tableau in symdyn/methods; changes are lost.
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.lanes import ERR, H, T, TB, sum_states
from symdyn_kernels.simd import call, ld, splat, st, vabs, vld, vmax, vst

FIRST, LAST = 0, 6  # slots of f(y) and, where the method ends with it, of f(y_new)
SLOTS = 7
DEGREE = 4  # of the interpolant; its coefficients are in the slots after the others
STIFFNESS = 10.5625
EVENTS = False  # whether states change at events
ALGEBRAIC = False  # whether algebraic equations determine some of them
DELAYS = False  # whether right-hand sides look up states of the past


@njit(error_model="numpy")
def step(functions, sizes, memory, places, tolerances):
    f, factor, solve, margin = functions
    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory
    yb, yt, k0, kl = places
    # stage 2
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * 0.161))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 0.161)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (ks + 1 * ms))
    # stage 3
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * -0.008480655492356989 + vld(fb, ks + 1 * ms + e) * 0.335480655492357))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 0.327)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (ks + 2 * ms))
    # stage 4
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * 2.8971530571054935 + vld(fb, ks + 1 * ms + e) * -6.359448489975075 + vld(fb, ks + 2 * ms + e) * 4.3622954328695815))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 0.9)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (ks + 3 * ms))
    # stage 5
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * 5.325864828439257 + vld(fb, ks + 1 * ms + e) * -11.748883564062828 + vld(fb, ks + 2 * ms + e) * 7.4955393428898365 + vld(fb, ks + 3 * ms + e) * -0.09249506636175525))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 0.98002554090451)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (ks + 4 * ms))
    # stage 6
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * 5.86145544294642 + vld(fb, ks + 1 * ms + e) * -12.92096931784711 + vld(fb, ks + 2 * ms + e) * 8.159367898576159 + vld(fb, ks + 3 * ms + e) * -0.071584973281401 + vld(fb, ks + 4 * ms + e) * -0.028269050394068383))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 1.0)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (ks + 5 * ms))
    # stage 7
    for e in range(0, m, 8):
        vst(fb, yt + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * (vld(fb, k0 + e) * 0.09646076681806523 + vld(fb, ks + 1 * ms + e) * 0.01 + vld(fb, ks + 2 * ms + e) * 0.4798896504144996 + vld(fb, ks + 3 * ms + e) * 1.379008574103742 + vld(fb, ks + 4 * ms + e) * -3.290069515436081 + vld(fb, ks + 5 * ms + e) * 2.324710524099774))
    for l in range(0, WL, 8):
        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * 1.0)
    call(f, lanes[TB], fb + 8 * (yt), pb, fb + 8 * (kl))

@njit(error_model="numpy")
def error(functions, sizes, memory, places, tolerances):
    n, _, nlu, nft, W = sizes
    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory
    yb, yt, k0, kl = places
    rtol, atol = tolerances.rtol, tolerances.atol
    for e in range(0, m, 8):
        x = vld(lanes[H], e & wm) * (vld(fb, k0 + e) * -0.001780011052225777 + vld(fb, ks + 1 * ms + e) * -0.0008164344596567469 + vld(fb, ks + 2 * ms + e) * 0.007880878010261995 + vld(fb, ks + 3 * ms + e) * -0.1447110071732629 + vld(fb, ks + 4 * ms + e) * 0.5823571654525552 + vld(fb, ks + 5 * ms + e) * -0.45808210592918697 + vld(fb, kl + e) * 0.015151515151515152) / (vmax(vabs(vld(fb, yb + e)), vabs(vld(fb, yt + e))) * rtol + atol)
        vst(fb, work + e, x * x)
    sum_states(fb + 8 * work, lanes[ERR], n, W)
    for l in range(0, WL, 8):
        vst(lanes[ERR], l, vld(lanes[ERR], l) * (1.0 / n))

@njit(error_model="numpy")
def stiffness(functions, sizes, memory, places, tolerances):
    f, factor, solve, margin = functions
    n, _, nlu, nft, W = sizes
    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory
    yb, yt, k0, kl = places
    # h^2 |f(y1) - f(g)|^2 / |y1 - g|^2: the square of h times the dominant eigenvalue, nearly
    for e in range(0, m, 8):
        x = vld(fb, kl + e) - vld(fb, ks + 5 * ms + e)
        vst(fb, work + e, x * x)
    sum_states(fb + 8 * work, lanes[ERR], n, W)
    for e in range(0, m, 8):
        x = vld(fb, k0 + e) * -5.764994676128355 + vld(fb, ks + 1 * ms + e) * 12.93096931784711 + vld(fb, ks + 2 * ms + e) * -7.67947824816166 + vld(fb, ks + 3 * ms + e) * 1.4505935473851428 + vld(fb, ks + 4 * ms + e) * -3.2618004650420125 + vld(fb, ks + 5 * ms + e) * 2.324710524099774
        vst(fb, work + e, x * x)
    sum_states(fb + 8 * work, lanes[TB], n, W)
    for l in range(0, WL, 8):
        vst(lanes[ERR], l, vld(lanes[ERR], l) / (vld(lanes[TB], l) + 1e-300))

@njit(error_model="numpy")
def dense(functions, sizes, memory, places, tolerances):
    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory
    yb, yt, k0, kl = places
    for e in range(0, m, 8):
        d1 = vld(fb, yt + e) - vld(fb, yb + e)
        d2 = vld(lanes[H], e & wm) * vld(fb, k0 + e) - d1
        d3 = d1 - vld(lanes[H], e & wm) * vld(fb, kl + e) - d2
        d4 = vld(lanes[H], e & wm) * (vld(fb, k0 + e) * -1.0530884977290216 + vld(fb, ks + 1 * ms + e) * 0.1017 + vld(fb, ks + 2 * ms + e) * 2.490627285651253 + vld(fb, ks + 3 * ms + e) * -16.548102889244902 + vld(fb, ks + 4 * ms + e) * 47.37952196281928 + vld(fb, ks + 5 * ms + e) * -34.87065786149661 + vld(fb, kl + e) * 2.5)
        vst(fb, ks + 7 * ms + e, d1)
        vst(fb, ks + 8 * ms + e, d2)
        vst(fb, ks + 9 * ms + e, d3)
        vst(fb, ks + 10 * ms + e, d4)
