/**
 * Model files by their SHA-256, and the manifests that name them. A file in the store never changes
 * and is complete from the moment that it can be found; a name points to a manifest and may be
 * pointed elsewhere.
 */
package dev.quern.server.weights;
