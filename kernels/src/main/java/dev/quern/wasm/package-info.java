/**
 * The WebAssembly assembler: instruction table, typed builder, text; depends on nothing of ours.
 */
package dev.quern.wasm;
