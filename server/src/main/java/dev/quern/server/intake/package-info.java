/**
 * Takes in models that people bring: reads and checks them, tells what is in them, stores the
 * weights of their products in fewer bits, and states what that costs.
 *
 * <p>{@link dev.quern.server.intake.Intake} walks the way: {@link
 * dev.quern.server.intake.ModelFiles} finds the files, or names the converter that a foreign format
 * needs; {@link dev.quern.server.intake.Narrowing} rewrites the ONNX file; {@link
 * dev.quern.server.intake.Calibration} makes inputs and runs both models on the scalar kernels;
 * {@link dev.quern.server.intake.Summary} writes it all down; then the files go into the store.
 *
 * <p>Invariants: nothing is stored of a model that does not pass; a rewritten model is plain ONNX
 * that other runtimes take, too; the same file gives the same bytes and the same figures.
 *
 * <p>Place in the order: behind {@code weights}; the command line calls it.
 */
package dev.quern.server.intake;
