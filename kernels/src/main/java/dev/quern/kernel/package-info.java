/** Kernel families: what to compute and a schedule in, a WebAssembly function out. */
package dev.quern.kernel;
