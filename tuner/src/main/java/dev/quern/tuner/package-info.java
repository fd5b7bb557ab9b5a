/**
 * Device profile, search space, search and tuning records; comes after the kernels, and knows a
 * model only as {@link dev.quern.runtime.TunableModel} and a machine only as {@link
 * dev.quern.runtime.Machine}.
 *
 * <p>In the order in which data passes: {@link dev.quern.tuner.Profiler} measures a {@link
 * dev.quern.tuner.DeviceProfile}; {@link dev.quern.tuner.SearchSpace} lists schedules for a kernel
 * on it; {@link dev.quern.tuner.Tuner} tries them while the model serves, holding each against the
 * reference by {@link dev.quern.tuner.Check}; a {@link dev.quern.tuner.TuningRecord} keeps the
 * winner in a {@link dev.quern.tuner.RecordBook}.
 *
 * <p>Invariants: no threads, no clock but the machine's, no schedule serves unchecked, the same
 * classes run in the browser and on the JVM.
 */
package dev.quern.tuner;
