/** The whole, in real browsers: server, page, engine and element, held against ONNX Runtime. */
package dev.quern.e2e.site;
