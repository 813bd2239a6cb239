/* geohash: places on the globe as numbers of 52 bits, which sorted sets keep as scores.
 *
 * Longitude and latitude are halved alternately; their bits are interleaved, latitude in the even
 * ones. `step` says how many halvings: 26 for a place, fewer for an area. Latitudes reach as far
 * as the web's maps do (85.05 degrees). Distances are great circles on a sphere.
 * Owns nothing. Pure. The figures are those of Redis, to the last bit: data is exchanged.
 * Tests: compat/test_geo. */
#ifndef CORE_TYPES_GEOHASH_H
#define CORE_TYPES_GEOHASH_H

#include <stdbool.h>
#include <stdint.h>

#define GEO_STEPS 26
#define GEO_LAT_MAX 85.05112878
#define GEO_LON_MAX 180.0

struct geo_point {
    double lon, lat;
};

struct geo_hash {
    uint64_t bits;
    int step; /* 0: no area */
};

static inline bool geo_valid(struct geo_point p)
{
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX &&
           p.lat <= GEO_LAT_MAX;
}

/* The score of a valid place, and the middle of the cell that a score stands for. */
uint64_t geo_score(struct geo_point p);
struct geo_point geo_place(double score);
double geo_distance(struct geo_point a, struct geo_point b); /* metres */

#define GEO_TEXT 11
/* The text form that the world uses (latitude to 90 degrees). */
void geo_text(struct geo_point p, char out[GEO_TEXT]);

struct geo_shape {
    bool box;
    struct geo_point at;
    double radius, width, height; /* in units */
    double unit;                  /* metres */
};
/* Is the place inside? Then its distance from the middle, in metres. */
bool geo_within(const struct geo_shape *s, struct geo_point p, double *metres);

#define GEO_AREAS 9
/* Areas that cover the shape: the middle one, then its neighbours N S E W NE NW SE SW; step 0:
 * not needed. */
void geo_cover(const struct geo_shape *s, struct geo_hash out[GEO_AREAS]);
/* The scores in an area: min <= score < max. */
void geo_scores(struct geo_hash h, double *min, double *max);

#endif
