package dev.quern.server.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A TF.js graph model (<a href="https://github.com/tensorflow/tfjs">tfjs-converter</a>'s format):
 * its nodes in an order in which data can pass, and its weights, widened to f32.
 */
public record TfjsModel(List<TfjsNode> nodes, Map<String, Weight> weights) {

  /** A constant in C order; convolutions keep theirs as [height, width, in, out]. */
  public record Weight(List<Integer> shape, float[] values) {
    /** The only value of a scalar. */
    public float scalar() {
      if (values.length != 1) {
        throw new ModelFileException("a scalar was expected, found a tensor " + shape);
      }
      return values[0];
    }
  }

  /** Reads a model whose weights are uint8 with a scale and a minimum each. */
  public static TfjsModel read(Path topology, Path bytes) throws IOException {
    JsonNode root = JsonMapper.shared().readTree(Files.readString(topology));
    Map<String, Weight> weights = new LinkedHashMap<>();
    byte[] data = Files.readAllBytes(bytes);
    int offset = 0;
    for (JsonNode group : root.get("weightsManifest")) {
      for (JsonNode row : group.get("weights")) {
        Weight weight = weight(row, data, offset);
        weights.put(shortName(row.get("name").asString()), weight);
        offset += weight.values().length;
      }
    }
    if (offset != data.length) {
      throw new ModelFileException(
          "the weights' table describes " + offset + " bytes, the file has " + data.length);
    }
    List<TfjsNode> nodes = new ArrayList<>();
    for (JsonNode node : root.get("modelTopology").get("node")) {
      List<String> inputs = new ArrayList<>();
      for (JsonNode input : node.path("input")) {
        inputs.add(shortName(input.asString()));
      }
      nodes.add(
          new TfjsNode(
              shortName(node.get("name").asString()),
              node.get("op").asString(),
              List.copyOf(inputs),
              node.path("attr")));
    }
    return new TfjsModel(List.copyOf(nodes), weights);
  }

  private static Weight weight(JsonNode row, byte[] data, int offset) {
    JsonNode quantization = row.path("quantization");
    if (!quantization.path("dtype").asString("").equals("uint8")) {
      throw new ModelFileException("the weight " + row.get("name") + " is not quantised to uint8");
    }
    double scale = quantization.get("scale").asDouble();
    double min = quantization.get("min").asDouble();
    List<Integer> shape = new ArrayList<>();
    int size = 1;
    for (JsonNode dim : row.get("shape")) {
      shape.add(dim.asInt());
      size = Math.multiplyExact(size, dim.asInt());
    }
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (Byte.toUnsignedInt(data[offset + i]) * scale + min);
    }
    return new Weight(List.copyOf(shape), values);
  }

  /** What follows the scopes of the training script, which say nothing about the model. */
  private static String shortName(String name) {
    int scope = name.lastIndexOf("/predict/");
    return scope < 0 ? name : name.substring(scope + "/predict/".length());
  }

  /** A weight by its name. */
  public Weight weight(String name) {
    Weight weight = weights.get(name);
    if (weight == null) {
      throw new ModelFileException("the model has no weight " + name);
    }
    return weight;
  }
}
