/* A program as its profile has it. */
#ifndef PROFILE_BIRTHS_H
#define PROFILE_BIRTHS_H

#include "generate/generator.h"
#include "generate/profile.h"

/* The profile is finished, and outlives the births. NULL with *error. */
struct births *profile_births_open(const struct profile *profile, struct error *error);

#endif
