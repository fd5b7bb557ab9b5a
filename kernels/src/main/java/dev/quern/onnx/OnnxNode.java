package dev.quern.onnx;

import java.util.List;
import java.util.Map;

/**
 * A {@code NodeProto}.
 *
 * @param name the name; may be empty
 * @param domain the operator set; {@code ""} for ONNX's own, also where the file says {@code
 *     "ai.onnx"}
 * @param op the operator
 * @param inputs names of values; empty for an optional input that is absent
 * @param outputs names of values; empty for an output that is not wanted
 * @param attributes by name
 */
public record OnnxNode(
    String name,
    String domain,
    String op,
    List<String> inputs,
    List<String> outputs,
    Map<String, OnnxAttribute> attributes) {}
