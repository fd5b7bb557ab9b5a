/** Loads weights, writes step lists and runs a plan on a machine; the last stage. */
package dev.quern.runtime;
