#include "core/types/geohash.h"

#include <math.h>

#define EARTH_RADIUS 6372797.560856 /* metres; the mean that Redis takes */
#define MERCATOR_MAX 20037726.37    /* half of the map's width, metres */
#define EVEN_BITS 0x5555555555555555u
#define ODD_BITS 0xaaaaaaaaaaaaaaaau

struct span {
    double min, max;
};

static const struct span lons = { -GEO_LON_MAX, GEO_LON_MAX };
static const struct span lats = { -GEO_LAT_MAX, GEO_LAT_MAX };
static const struct span world_lats = { -90, 90 };

static double radians(double degrees) { return degrees * (M_PI / 180.0); }
static double degrees(double rad) { return rad / (M_PI / 180.0); }

/* ---- bits ---- */

/* Bit i goes to bit 2i. */
static uint64_t spread(uint32_t v)
{
    uint64_t x = v;
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8) & 0x00ff00ff00ff00ffu;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x << 2) & 0x3333333333333333u;
    return (x | x << 1) & EVEN_BITS;
}

static uint32_t gather(uint64_t x)
{
    x &= EVEN_BITS;
    x = (x | x >> 1) & 0x3333333333333333u;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
    x = (x | x >> 8) & 0x0000ffff0000ffffu;
    return (uint32_t)(x | x >> 16);
}

/* Which of the 2^step parts of the span. */
static uint32_t part(double v, struct span s, int step)
{
    double at = (v - s.min) / (s.max - s.min);
    at *= (double)((uint64_t)1 << step);
    return (uint32_t)at;
}

static struct geo_hash encode(struct geo_point p, struct span lat, int step)
{
    return (struct geo_hash){
        spread(part(p.lat, lat, step)) | spread(part(p.lon, lons, step)) << 1, step
    };
}

static struct span cell(uint32_t at, struct span s, int step)
{
    double parts = (double)((uint64_t)1 << step), scale = s.max - s.min;
    return (struct span){ s.min + (at * 1.0 / parts) * scale,
                          s.min + ((at + 1) * 1.0 / parts) * scale };
}

struct area {
    struct span lon, lat;
};

static struct area decode(struct geo_hash h)
{
    return (struct area){ .lon = cell(gather(h.bits >> 1), lons, h.step),
                          .lat = cell(gather(h.bits), lats, h.step) };
}

static double middle(struct span s, double max)
{
    double v = (s.min + s.max) / 2;
    return v > max ? max : v < -max ? -max : v;
}

uint64_t geo_score(struct geo_point p) { return encode(p, lats, GEO_STEPS).bits; }

/* Any score may be asked for its place, though only those below 2^52 have one. */
static uint64_t bits_of(double score)
{
    const double top = 9223372036854775808.0;
    if (!(score > -top)) return (uint64_t)INT64_MIN;
    if (score < top) return (uint64_t)(int64_t)score;
    return score < 2 * top ? (uint64_t)score : 0;
}

struct geo_point geo_place(double score)
{
    struct area a = decode((struct geo_hash){ bits_of(score), GEO_STEPS });
    return (struct geo_point){ middle(a.lon, GEO_LON_MAX), middle(a.lat, GEO_LAT_MAX) };
}

void geo_text(struct geo_point p, char out[GEO_TEXT])
{
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = encode(p, world_lats, GEO_STEPS).bits;
    /* 52 bits are ten digits of five; the eleventh says nothing. */
    for (int i = 0; i < GEO_TEXT - 1; i++) out[i] = digits[bits >> (52 - (i + 1) * 5) & 31];
    out[GEO_TEXT - 1] = digits[0];
}

/* ---- distances ---- */

static double lat_distance(double a, double b)
{
    return EARTH_RADIUS * fabs(radians(b) - radians(a));
}

double geo_distance(struct geo_point a, struct geo_point b)
{
    double v = sin((radians(b.lon) - radians(a.lon)) / 2);
    if (v == 0.0) return lat_distance(a.lat, b.lat);
    double lat_a = radians(a.lat), lat_b = radians(b.lat);
    double u = sin((lat_b - lat_a) / 2);
    double x = u * u + cos(lat_a) * cos(lat_b) * v * v;
    return 2.0 * EARTH_RADIUS * asin(sqrt(x));
}

bool geo_within(const struct geo_shape *s, struct geo_point p, double *metres)
{
    if (s->box) {
        if (lat_distance(p.lat, s->at.lat) > s->height * s->unit / 2) return false;
        struct geo_point same_lat = { s->at.lon, p.lat };
        if (geo_distance(p, same_lat) > s->width * s->unit / 2) return false;
    }
    *metres = geo_distance(s->at, p);
    return s->box || *metres <= s->radius * s->unit;
}

/* ---- covering ---- */

/* How fine areas may be for nine of them to hold the radius. They are narrower near the poles. */
static int step_for(double metres, double lat)
{
    if (metres == 0) return GEO_STEPS;
    int step = 1;
    for (; metres < MERCATOR_MAX; metres *= 2) step++;
    step -= 2;
    if (lat > 66 || lat < -66) step--;
    if (lat > 80 || lat < -80) step--;
    return step < 1 ? 1 : step > GEO_STEPS ? GEO_STEPS : step;
}

static struct area bounds_of(const struct geo_shape *s)
{
    double height = s->unit * (s->box ? s->height / 2 : s->radius);
    double width = s->unit * (s->box ? s->width / 2 : s->radius);
    double lat_delta = degrees(height / EARTH_RADIUS);
    double far = s->at.lat < 0 ? s->at.lat - lat_delta : s->at.lat + lat_delta;
    double lon_delta = degrees(width / EARTH_RADIUS / cos(radians(far)));
    return (struct area){ .lon = { s->at.lon - lon_delta, s->at.lon + lon_delta },
                          .lat = { s->at.lat - lat_delta, s->at.lat + lat_delta } };
}

static uint64_t moved(uint64_t bits, uint64_t mask, int by, int step)
{
    uint64_t others = ~mask >> (64 - step * 2), own = mask >> (64 - step * 2), v = bits & mask;
    if (by == 0) return v;
    v = by > 0 ? v + (others + 1) : (v | others) - (others + 1);
    return v & own;
}

static struct geo_hash neighbour(struct geo_hash h, int east, int north)
{
    return (struct geo_hash){ moved(h.bits, ODD_BITS, east, h.step) |
                                  moved(h.bits, EVEN_BITS, north, h.step),
                              h.step };
}

static const struct {
    int east, north;
} sides[GEO_AREAS] = { { 0, 0 }, { 0, 1 },  { 0, -1 }, { 1, 0 },  { -1, 0 },
                       { 1, 1 }, { -1, 1 }, { 1, -1 }, { -1, -1 } };

static void surround(struct geo_point at, int step, struct geo_hash out[GEO_AREAS])
{
    struct geo_hash h = encode(at, lats, step);
    for (int i = 0; i < GEO_AREAS; i++) out[i] = neighbour(h, sides[i].east, sides[i].north);
}

/* The nine do not reach to an edge of the bounds. */
static bool too_fine(const struct geo_hash a[GEO_AREAS], const struct area *want)
{
    return decode(a[1]).lat.max < want->lat.max || decode(a[2]).lat.min > want->lat.min ||
           decode(a[3]).lon.max < want->lon.max || decode(a[4]).lon.min > want->lon.min;
}

/* The middle area reaches beyond the bounds on that side. */
static bool needless(int side, const struct area *mid, const struct area *want)
{
    return (sides[side].north < 0 && mid->lat.min < want->lat.min) ||
           (sides[side].north > 0 && mid->lat.max > want->lat.max) ||
           (sides[side].east < 0 && mid->lon.min < want->lon.min) ||
           (sides[side].east > 0 && mid->lon.max > want->lon.max);
}

void geo_cover(const struct geo_shape *s, struct geo_hash out[GEO_AREAS])
{
    struct area want = bounds_of(s);
    double w = s->width / 2, h = s->height / 2;
    double metres = (s->box ? sqrt(w * w + h * h) : s->radius) * s->unit;
    int step = step_for(metres, s->at.lat);
    surround(s->at, step, out);
    if (step > 1 && too_fine(out, &want)) surround(s->at, --step, out);
    if (step < 2) return;
    struct area mid = decode(out[0]);
    for (int i = 1; i < GEO_AREAS; i++)
        if (needless(i, &mid, &want)) out[i] = (struct geo_hash){ 0, 0 };
}

void geo_scores(struct geo_hash h, double *min, double *max)
{
    *min = (double)(h.bits << (52 - h.step * 2));
    *max = (double)((h.bits + 1) << (52 - h.step * 2));
}
