/** Drives real browsers: the commands that need one, and the tests of the whole. */
package dev.quern.e2e;
