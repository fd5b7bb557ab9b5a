package dev.quern.onnx;

import java.util.Map;

/**
 * A {@code ModelProto}.
 *
 * @param irVersion the version of the file format
 * @param producer the tool that wrote the file
 * @param opsets the version of each operator set, by domain; ONNX's own is {@code ""}
 * @param functions how many model-local functions the file defines
 * @param graph the main graph
 */
public record OnnxModel(
    long irVersion, String producer, Map<String, Long> opsets, int functions, OnnxGraph graph) {}
