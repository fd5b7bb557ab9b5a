/**
 * The figures that the project reports about speed and memory, measured in a browser.
 *
 * <p>Invariants: what can drift is measured as the median of ratios to something interleaved in the
 * same run; nothing here fails because of a time.
 *
 * <p>Place in the order: uses {@code harness}; the command {@code bench} prints it.
 */
package dev.quern.e2e.bench;
