/**
 * What a site uses, told to the build: bundles the JavaScript SDK, the custom element, the pages
 * and the start of the workers into the resource folder {@code quern-web}, which the server serves
 * at {@code /}.
 *
 * <p>Stands between {@code dev.quern.bridge}, whose engine files it does not touch, and {@code
 * dev.quern.server}. The sources are in {@code src/main/js} and {@code src/main/pages}; nothing of
 * this package runs after the build. Invariants of what is built: one file per entry and no file of
 * another origin; no blob, no eval, so that pages run under {@code script-src 'self'
 * 'wasm-unsafe-eval'; style-src 'self'}; only text models load the tokeniser.
 */
package dev.quern.web;
