/** Device profile, search space, search and tuning records; comes after the kernels. */
package dev.quern.tuner;
