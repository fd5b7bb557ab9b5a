package dev.quern.e2e.peers;

import dev.quern.e2e.bench.Inputs;
import dev.quern.e2e.bench.MatmulModel;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.models.Models;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** What is computed in one case: a model, and inputs for it. */
public interface Workload {
  /** Which model; an engine is loaded once for all cases of a {@link #model}. */
  enum Kind {
    MATMUL,
    MINILM,
    MINILM_INT8,
    MOBILENET,
    /** Any other, which engines that read ONNX take. */
    ONNX
  }

  /** Its name as it is printed and filtered. */
  String name();

  /** Which kind of model it needs. */
  Kind kind();

  /** The name of its model: cases with the same one share a model's file. */
  String model();

  /** The model's file. */
  byte[] onnx();

  /** The same model for this case's shape as {@code .tflite}; empty if there is none. */
  Optional<Path> tflite();

  /** The model's inputs, by name. */
  Map<String, TensorData> inputs();

  /**
   * Floating-point (or integer) operations of the products and convolutions, two a multiply-add.
   */
  double flops();

  /**
   * How far an output may lie from ONNX Runtime's: the largest difference over the largest value.
   */
  double tolerance();

  /** The cases of the comparison, those of one model next to each other. */
  static List<Workload> all() {
    return List.of(
        new Matmul(128, 384, 1536),
        new Matmul(128, 768, 3072),
        new Matmul(1, 768, 3072),
        new MiniLm(1, 32, false),
        new MiniLm(1, 128, false),
        new MiniLm(8, 128, false),
        new MiniLm(1, 32, true),
        new MiniLm(1, 128, true),
        new MiniLm(8, 128, true),
        new MobileNet());
  }

  /** y [m, n] = x [m, k] · w [k, n], the weights constant. */
  record Matmul(int m, int k, int n) implements Workload {
    @Override
    public String name() {
      return "matmul " + m + "x" + k + "x" + n;
    }

    @Override
    public Kind kind() {
      return Kind.MATMUL;
    }

    @Override
    public String model() {
      return "matmul-" + k + "x" + n;
    }

    @Override
    public byte[] onnx() {
      return MatmulModel.of(k, n);
    }

    @Override
    public Optional<Path> tflite() {
      return Optional.of(Models.tfliteMatmul(m, k, n));
    }

    @Override
    public Map<String, TensorData> inputs() {
      return Map.of("x", TensorData.of(Inputs.random(m * k), m, k));
    }

    @Override
    public double flops() {
      return 2.0 * m * k * n;
    }

    @Override
    public double tolerance() {
      return 1e-5;
    }
  }

  /** all-MiniLM-L6-v2: last_hidden_state [batch, length, 384] of ids, no padding. */
  record MiniLm(int batch, int length, boolean int8) implements Workload {
    private static final int LAYERS = 6;
    private static final int WIDTH = 384;
    private static final int INNER = 1536;

    @Override
    public String name() {
      return (int8 ? "MiniLM int8 " : "MiniLM f32 ") + batch + "x" + length;
    }

    @Override
    public Kind kind() {
      return int8 ? Kind.MINILM_INT8 : Kind.MINILM;
    }

    @Override
    public String model() {
      return int8 ? "minilm-int8" : "minilm";
    }

    @Override
    public byte[] onnx() {
      String name = int8 ? "/all-minilm-l6-v2-q.onnx" : "/all-minilm-l6-v2.onnx";
      try (InputStream in =
          Objects.requireNonNull(Workload.class.getResourceAsStream(name), name)) {
        return in.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public Optional<Path> tflite() {
      return int8 ? Optional.empty() : Optional.of(Models.tfliteMiniLm(batch, length));
    }

    @Override
    public Map<String, TensorData> inputs() {
      return Inputs.tokens(batch, length);
    }

    /** Four projections and two products of the feed-forward a layer, and the two of attention. */
    @Override
    public double flops() {
      double tokens = (double) batch * length;
      double weights = LAYERS * (4.0 * WIDTH * WIDTH + 2.0 * WIDTH * INNER);
      return 2 * tokens * weights + 2 * tokens * LAYERS * 2.0 * length * WIDTH;
    }

    /**
     * Activations are quantised anew at run time in the int8 model: a value that lies on the border
     * of two steps rounds either way, so that outputs differ by whole steps. ONNX Runtime's own
     * builds for the web and for the JVM lie up to 0.06 apart (8x128, 2026-11-25).
     */
    @Override
    public double tolerance() {
      return int8 ? 0.15 : 1e-4;
    }
  }

  /** MobileNetV2 1.4 on one image [1, 3, 224, 224] with values from 0 to 1. */
  record MobileNet() implements Workload {
    private static final int CHANNELS = 3;

    @Override
    public String name() {
      return "MobileNetV2 1.4 224x224";
    }

    @Override
    public Kind kind() {
      return Kind.MOBILENET;
    }

    @Override
    public String model() {
      return "mobilenet";
    }

    @Override
    public byte[] onnx() {
      try {
        return Files.readAllBytes(Models.mobileNetV2());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public Optional<Path> tflite() {
      return Optional.of(Models.tfliteMobileNetV2());
    }

    @Override
    public Map<String, TensorData> inputs() {
      int size = Models.IMAGE;
      float[] image = Inputs.random(CHANNELS * size * size);
      for (int i = 0; i < image.length; i++) {
        image[i] = (image[i] + 1) / 2;
      }
      return Map.of("image", TensorData.of(image, 1, CHANNELS, size, size));
    }

    /** 580 million multiply-adds. */
    @Override
    public double flops() {
      return 2 * 580e6;
    }

    @Override
    public double tolerance() {
      return 1e-4;
    }
  }
}
