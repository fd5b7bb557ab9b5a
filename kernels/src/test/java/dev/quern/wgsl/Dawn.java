package dev.quern.wgsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Dawn, Chromium's WebGPU, in Node: says whether shaders are valid, and computes on SwiftShader.
 */
final class Dawn {
  private static final Path FOLDER = Path.of("src/test/dawn");
  private static final int SECONDS = 300;

  /** Where packages of Chromium have the manifest of its Vulkan driver in software. */
  private static final List<Path> SWIFTSHADER =
      List.of(
          Path.of("/usr/lib/chromium/vk_swiftshader_icd.json"),
          Path.of("/usr/lib/chromium-browser/vk_swiftshader_icd.json"),
          Path.of("/opt/google/chrome/vk_swiftshader_icd.json"));

  /** Why Node and its packages cannot be had; empty if they can, null before that was tried. */
  private static String missing;

  private Dawn() {}

  /**
   * A shader and what it is dispatched with.
   *
   * @param buffers which of the job's buffers each binding is
   */
  record Dispatch(
      String shader, boolean faults, List<Integer> buffers, List<Long> words, List<Long> groups) {}

  /**
   * Dispatches in their order.
   *
   * @param result the buffer whose bytes are the answer
   */
  record Job(String title, List<byte[]> buffers, List<Dispatch> dispatches, int result) {}

  /** Fails where Tint refuses a shader, in core or in compatibility mode. */
  static void validate(List<Job> jobs) {
    run("validate", null, jobs);
  }

  /** The status words of each job, 16 bytes, and behind them the bytes of its result. */
  static List<byte[]> compute(List<Job> jobs) {
    Path manifest = SWIFTSHADER.stream().filter(Files::exists).findFirst().orElse(null);
    assumeTrue(
        manifest != null,
        "results of shaders are not compared: no Chromium with SwiftShader among " + SWIFTSHADER);
    return run("compute", manifest, jobs);
  }

  private static List<byte[]> run(String mode, Path manifest, List<Job> jobs) {
    install();
    String input = jobs.stream().map(Dawn::json).collect(Collectors.joining(",", "[", "]"));
    ProcessBuilder builder = new ProcessBuilder("node", "run.mjs", mode);
    if (manifest != null) {
      builder.environment().put("VK_ICD_FILENAMES", manifest.toString());
    }
    String[] lines = execute(builder, input).strip().split("\n", -1);
    assertThat(lines).as(String.join("\n", lines)).hasSameSizeAs(jobs);
    List<byte[]> results = new ArrayList<>();
    for (int i = 0; i < lines.length; i++) {
      String[] parts = lines[i].split(" ", 2);
      byte[] data = parts.length > 1 ? Base64.getDecoder().decode(parts[1]) : new byte[0];
      if (!parts[0].equals("ok")) {
        throw new AssertionError(
            jobs.get(i).title() + ": " + new String(data, StandardCharsets.UTF_8));
      }
      results.add(data);
    }
    return results;
  }

  private static synchronized void install() {
    if (missing == null) {
      missing = "";
      try {
        Path installed = FOLDER.resolve("node_modules/.package-lock.json");
        if (!Files.exists(installed)) {
          execute(new ProcessBuilder("npm", "ci", "--no-audit", "--no-fund"), "");
        }
        execute(new ProcessBuilder("node", "--version"), "");
      } catch (UncheckedIOException | IllegalStateException e) {
        missing = "shaders are not held against Dawn: " + e.getMessage();
      }
    }
    assumeTrue(missing.isEmpty(), missing);
  }

  private static String execute(ProcessBuilder builder, String input) {
    String command = String.join(" ", builder.command());
    try {
      Path in = Files.createTempFile("dawn", ".json");
      Path out = Files.createTempFile("dawn", ".out");
      Path log = Files.createTempFile("dawn", ".log");
      try {
        Files.writeString(in, input);
        Process process =
            builder
                .directory(FOLDER.toFile())
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(log.toFile())
                .start();
        if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new IllegalStateException(command + " took more than " + SECONDS + " s");
        }
        if (process.exitValue() != 0) {
          throw new IllegalStateException(command + " failed: " + Files.readString(log));
        }
        return Files.readString(out);
      } finally {
        Files.delete(in);
        Files.delete(out);
        Files.delete(log);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(command + " cannot be run: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static String json(Job job) {
    String buffers =
        job.buffers().stream().map(b -> quoted(b)).collect(Collectors.joining(",", "[", "]"));
    String steps =
        job.dispatches().stream().map(Dawn::json).collect(Collectors.joining(",", "[", "]"));
    return "{\"buffers\":" + buffers + ",\"steps\":" + steps + ",\"result\":" + job.result() + "}";
  }

  private static String json(Dispatch step) {
    return "{\"text\":"
        + quoted(step.shader().getBytes(StandardCharsets.UTF_8))
        + ",\"bindings\":"
        + step.buffers()
        + ",\"words\":"
        + step.words()
        + ",\"faults\":"
        + step.faults()
        + ",\"groups\":"
        + step.groups()
        + "}";
  }

  private static String quoted(byte[] data) {
    return "\"" + Base64.getEncoder().encodeToString(data) + "\"";
  }
}
