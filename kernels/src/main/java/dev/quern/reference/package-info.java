/** Scalar Java kernels for every operator: the oracle and the slowest device. */
package dev.quern.reference;
