/** The engine in the browser: bindings, the browser's machine and the worker's entry. */
package dev.quern.bridge;
