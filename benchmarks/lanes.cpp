// The lane kernel of exact simulation by hand: the algorithm of symdyn_kernels/drivers/jump.py for g++ and its vectors, with the
// same generator, logarithm, output and refill.  W, N_STATES, N_PARAMETERS, WATCH, LOW and `event` are written by gcc_lanes.py.

#include <cmath>
#include <cstdint>

typedef double v8 __attribute__((vector_size(64), aligned(8)));
typedef int64_t m8 __attribute__((vector_size(64), aligned(8)));
typedef uint64_t u8 __attribute__((vector_size(64), aligned(8)));

static inline v8 splat(double x) { return v8{x, x, x, x, x, x, x, x}; }
static inline v8 load(const double *p) { return *(const v8 *)p; }
static inline void store(double *p, v8 x) { *(v8 *)p = x; }
static inline v8 vfmin(v8 x, v8 y) { return x < y ? x : y; }
static inline v8 vfmax(v8 x, v8 y) { return x > y ? x : y; }
static inline v8 vfabs(v8 x) { return x < 0.0 ? -x : x; }

// the polynomial of FDLIBM's e_log.c
static inline v8 vlog(v8 x) {
    u8 shifted = (u8)x + (0x3FF0000000000000u - 0x3FE6A09E00000000u);
    v8 k = __builtin_convertvector((m8)(shifted >> 52) - 1023, v8);
    v8 f = (v8)((shifted & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E00000000u) - 1.0;
    v8 s = f / (f + 2.0), z = s * s, w = z * z;
    v8 t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    v8 t2 = z * (6.666666666666735130e-01 +
                 w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    v8 h = f * f * 0.5;
    return s * (h + t1 + t2) - h + f + k * 0.6931471805599453;
}

static inline u8 rotated(u8 x, int k) { return (x << k) | (x >> (64 - k)); }

// xoshiro256++
static inline v8 uniform(u8 &s0, u8 &s1, u8 &s2, u8 &s3) {
    u8 result = rotated(s0 + s3, 23) + s0, shifted = s1 << 17;
    s2 ^= s0; s3 ^= s1; s1 ^= s2; s0 ^= s3; s2 ^= shifted; s3 = rotated(s3, 45);
    return (v8)((result >> 12) | 0x3FF0000000000000u) - (1.0 - 0x1p-53);
}

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

EVENT

alignas(64) static double y_[RESULTS * W], new_[RESULTS * W], p_[N_PARAMETERS * W + 8], due[W];
alignas(64) static uint64_t state[4 * W];

static void put(int64_t k, int l, double *y, int64_t seed, const int64_t *streams, const double *Y0, const double *P,
                const double *times, int64_t T, double *out) {
    for (int i = 0; i < N_STATES; i++) out[k * T * N_STATES + i] = y[i * W + l] = Y0[k * N_STATES + i];
    y[N_STATES * W + l] = times[0];
    for (int i = 0; i < N_PARAMETERS; i++) p_[i * W + l] = P[k * N_PARAMETERS + i];
    for (int i = 0; i < 4; i++)
        state[i * W + l] =
            mix(mix((uint64_t)seed + (i + 1) * 0x9E3779B97F4A7C15u) + ((uint64_t)streams[k] + 1) * 0x9E3779B97F4A7C15u);
}

// Trajectories 0 to count - 1; returns 0, or 1 if one failed, which needs no more than to be noticed here.
extern "C" int64_t chunk(int64_t seed, const int64_t *streams, int64_t count, const double *Y0, const double *P,
                         const double *times, int64_t T, double *out, int64_t *steps) {
    int64_t who[W], output[W], born[W], waiting = 0, live = 0, made = 0, failed = 0;
    double *y = y_, *next = new_;
    for (int l = 0; l < W; l++) {
        put(waiting < count ? waiting : count - 1, l, y, seed, streams, Y0, P, times, T, out);
        who[l] = -1, output[l] = 1, born[l] = 0, due[l] = INFINITY;
        if (waiting < count) who[l] = waiting++, live++, due[l] = times[1];
    }
    while (live > 0) {
        made++;
        unsigned noisy = 0;
        for (int l = 0; l < W; l += 8) {
            u8 *s0 = (u8 *)(state + l), *s1 = (u8 *)(state + W + l), *s2 = (u8 *)(state + 2 * W + l),
               *s3 = (u8 *)(state + 3 * W + l);
            u8 a = *s0, b = *s1, c = *s2, d = *s3;
            v8 e = -vlog(uniform(a, b, c, d)), u = uniform(a, b, c, d);
            *s0 = a, *s1 = b, *s2 = c, *s3 = d;
            event(e, u, y + l, p_ + l, next + l);
            m8 quiet = load(next + WATCH * W + l) <= load(due + l);
            int64_t all = -1;
            for (int i = 0; i < 8; i++) all &= quiet[i];
            noisy |= (all != -1) << (l / 8);
        }
        if (noisy)
            for (int l = 0; l < W; l++) {
                int64_t k = who[l];
                double t = next[WATCH * W + l];
                if (k < 0 || t <= due[l]) continue;
                int64_t j = output[l];
                if (t != t) failed = 1, j = T;
                for (; j < T && times[j] < t; j++)
                    for (int i = 0; i < N_STATES; i++) out[(k * T + j) * N_STATES + i] = y[i * W + l];
                output[l] = j;
                if (j < T) { due[l] = times[j]; continue; }
                steps[k] = made - born[l] - 1;
                who[l] = -1, output[l] = 1, born[l] = made;
                if (waiting < count) {
                    who[l] = waiting++;
                    put(who[l], l, next, seed, streams, Y0, P, times, T, out);
                    due[l] = times[1];
                } else {
                    live--;
                    due[l] = INFINITY;
                    for (int i = 0; i < N_STATES; i++) next[i * W + l] = Y0[i];
                    next[N_STATES * W + l] = times[0];
                }
            }
        double *swap = y;
        y = next, next = swap;
    }
    return failed;
}
