package dev.quern.onnx;

import java.util.List;

/**
 * A {@code GraphProto}.
 *
 * @param name the graph's name
 * @param nodes in topological order, which is that of the file unless that is not
 * @param initializers the constants
 * @param inputs what a run is given; before IR version 4, initializers are listed here too
 * @param outputs what a run gives back
 */
public record OnnxGraph(
    String name,
    List<OnnxNode> nodes,
    List<OnnxTensor> initializers,
    List<OnnxValue> inputs,
    List<OnnxValue> outputs) {}
