package dev.quern.e2e.peers;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.ByteArrayOutputStream;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/**
 * The f32 initializers of an ONNX file in one block of bytes, for libraries that have operators but
 * read no ONNX.
 *
 * @param table {@code [{name, dims, offset, length}]}: offset in bytes, length in elements
 */
record Weights(ArrayNode table, byte[] bytes) {
  /**
   * Reads them. The exporter names a layer's weight by a number, but the product that uses it by
   * its place in the model: what {@code /encoder/layer.0/output/dense/MatMul} multiplies with is
   * called {@code encoder.layer.0.output.dense.weight} here, as it was before the export.
   */
  static Weights of(byte[] onnx) {
    GraphProto graph;
    try {
      graph = ModelProto.parseFrom(onnx).getGraph();
    } catch (InvalidProtocolBufferException e) {
      throw new PeerException("the ONNX file cannot be read: " + e.getMessage(), e);
    }
    Map<String, String> names = new HashMap<>();
    for (NodeProto node : graph.getNodeList()) {
      String name = node.getName();
      if (node.getOpType().equals("MatMul") && name.startsWith("/")) {
        String layer = name.substring(1, name.lastIndexOf('/')).replace('/', '.');
        names.put(node.getInput(1), layer + ".weight");
      }
    }
    ArrayNode table = JsonMapper.shared().createArrayNode();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(onnx.length);
    for (TensorProto tensor : graph.getInitializerList()) {
      if (tensor.getDataType() == TensorProto.DataType.FLOAT_VALUE) {
        byte[] raw = tensor.getRawData().toByteArray();
        var row =
            table
                .addObject()
                .put("name", names.getOrDefault(tensor.getName(), tensor.getName()))
                .put("offset", bytes.size())
                .put("length", raw.length / Float.BYTES);
        ArrayNode dims = row.putArray("dims");
        tensor.getDimsList().forEach(dims::add);
        bytes.writeBytes(raw);
      }
    }
    return new Weights(table, bytes.toByteArray());
  }
}
