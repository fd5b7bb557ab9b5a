package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.models.Models;
import dev.quern.e2e.oracle.Oracle;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sound.sampled.AudioFileFormat;
import javax.sound.sampled.AudioFormat;
import javax.sound.sampled.AudioInputStream;
import javax.sound.sampled.AudioSystem;
import javax.sound.sampled.UnsupportedAudioFileException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Silero VAD on a recording, {@code Front_Center.wav} and {@code Noise.wav} of Debian's {@code
 * alsa-utils}: half a second of silence, the words "front center", noise.
 */
@InEachBrowser
class VoiceTest {
  private static final Path SOUNDS = Path.of("/usr/share/sounds/alsa");
  private static final Duration LOADING = Duration.ofMinutes(2);
  private static final int RATE = 16000;
  private static final int FRAME = 512;
  private static final int CONTEXT = 64;
  private static final int STATE = 256;

  /** The probabilities of a sound and its segments, and what a threshold of 1 finds in it. */
  private static final String DETECT =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const samples = new Float32Array(await (await fetch('SAMPLES')).arrayBuffer());
        const detect = await pipeline('voice-activity-detection', 'Silero-VAD', { tune: false });
        try {
          const { segments, probabilities } = await detect(samples);
          const short = await detect(samples.subarray(0, 700), { threshold: 1 });
          const wrong = await detect(samples, { minSpeech: -1 }).catch(({ code, message }) => code + ': ' + message);
          return { segments, probabilities: [...probabilities], short: [short.segments.length, short.probabilities.length], wrong };
        } finally {
          await detect.release();
        }
      })()\
      """;

  private final BrowserKind kind;
  private float[] samples;

  VoiceTest(BrowserKind kind) {
    this.kind = kind;
  }

  @BeforeEach
  void record() throws Exception {
    assumeTrue(Files.isDirectory(SOUNDS), "the package alsa-utils is not installed");
    float[] speech = read(SOUNDS.resolve("Front_Center.wav"));
    float[] noise = read(SOUNDS.resolve("Noise.wav"));
    samples = new float[RATE / 2 + speech.length + RATE / 2];
    System.arraycopy(speech, 0, samples, RATE / 2, speech.length);
    System.arraycopy(noise, 0, samples, samples.length - RATE / 2, RATE / 2);
  }

  /** A recording of 48 kHz, at 16 kHz. */
  private static float[] read(Path file) throws IOException, UnsupportedAudioFileException {
    try (AudioInputStream in = AudioSystem.getAudioInputStream(file.toFile())) {
      assertThat(in.getFormat().getSampleRate()).isEqualTo(3f * RATE);
      assertThat(in.getFormat().getFrameSize()).isEqualTo(2);
      var values =
          ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer();
      float[] samples = new float[values.remaining() / 3];
      for (int i = 0; i < samples.length; i++) {
        samples[i] = (values.get() + values.get() + values.get()) / (3 * 32768f);
      }
      return samples;
    }
  }

  /** A wave file of them. */
  private static byte[] wave(float[] samples) throws IOException {
    ByteBuffer values = ByteBuffer.allocate(2 * samples.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float sample : samples) {
      values.putShort((short) Math.round(32767 * sample));
    }
    AudioFormat format = new AudioFormat(RATE, 16, 1, true, false);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    AudioSystem.write(
        new AudioInputStream(new ByteArrayInputStream(values.array()), format, samples.length),
        AudioFileFormat.Type.WAVE,
        out);
    return out.toByteArray();
  }

  /** What ONNX Runtime gives for each frame. */
  private static List<Float> expected(float[] samples) throws IOException {
    List<Float> probabilities = new ArrayList<>();
    try (Oracle oracle = new Oracle(Files.readAllBytes(Models.catalogue("silero-vad-v5.onnx")))) {
      TensorData state = TensorData.of(new float[STATE], 2, 1, 128);
      for (int at = 0; at < samples.length; at += FRAME) {
        float[] frame = new float[CONTEXT + FRAME];
        int from = Math.max(0, at - CONTEXT);
        int to = Math.min(samples.length, at + FRAME);
        System.arraycopy(samples, from, frame, from - (at - CONTEXT), to - from);
        Map<String, TensorData> inputs = new LinkedHashMap<>();
        inputs.put("input", TensorData.of(frame, 1, frame.length));
        inputs.put("state", state);
        inputs.put("sr", TensorData.of(new long[] {RATE}));
        Map<String, TensorData> outputs = oracle.run(inputs);
        state = outputs.get("stateN");
        probabilities.add(outputs.get("output").floats()[0]);
      }
    }
    return probabilities;
  }

  @Test
  void agreesWithOnnxRuntimeInEachFrameAndFindsTheWords() throws Exception {
    String path = Front.PREFIX + "samples.f32";
    ByteBuffer bytes = ByteBuffer.allocate(4 * samples.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(samples);
    Site.front(true).serve(path, "application/octet-stream", bytes.array(), Map.of());
    try (Page page = TestBrowsers.get(kind).open(Site.front(true).origin() + "/embed/index.html")) {
      JsonNode answer =
          JsonMapper.shared().readTree(page.evaluate(DETECT.replace("SAMPLES", path), LOADING));
      List<Float> expected = expected(samples);
      assertThat(answer.get("probabilities")).hasSameSizeAs(expected);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(answer.get("probabilities").get(i).asDouble())
            .as("frame " + i)
            .isCloseTo(expected.get(i), within(1e-3));
      }
      assertSpoken(answer.get("segments").get(0).get("start").asDouble(), last(answer));
      assertThat(answer.get("short").toString()).isEqualTo("[0,2]");
      assertThat(answer.get("wrong").asString()).startsWith("argument: minSpeech is -1");
    } finally {
      Site.front(true).withdraw(path);
    }
  }

  private static double last(JsonNode answer) {
    JsonNode segments = answer.get("segments");
    return segments.get(segments.size() - 1).get("end").asDouble();
  }

  /** The recording's own silences at its ends are some tenths of a second. */
  private static void assertSpoken(double start, double end) {
    assertThat(start).isBetween(0.5, 0.8);
    assertThat(end).isBetween(1.5, 2.1);
  }

  @Test
  void thePageListsThePassagesOfAFile() throws Exception {
    String path = Front.PREFIX + "sound.wav";
    Site.front(true).serve(path, "audio/wav", wave(samples), Map.of());
    try (Page page = TestBrowsers.get(kind).open(Site.front(true).origin() + "/listen.html")) {
      page.waitFor("document.documentElement.dataset.state === 'ready'", LOADING);
      page.evaluate(
          """
          (async () => {
            const bytes = await (await fetch('%s')).blob();
            const list = new DataTransfer();
            list.items.add(new File([bytes], 'sound.wav', {type: 'audio/wav'}));
            const choose = document.getElementById('choose');
            choose.files = list.files;
            choose.dispatchEvent(new Event('change'));
          })()\
          """
              .formatted(path));
      page.waitFor("document.querySelector('#results li')", LOADING);
      String text =
          JsonMapper.shared()
              .readTree(page.evaluate("document.getElementById('results').innerText"))
              .asString();
      List<Double> times =
          Arrays.stream(text.split("[^0-9.]+"))
              .filter(part -> !part.isEmpty())
              .map(Double::valueOf)
              .toList();
      assertSpoken(times.getFirst(), times.getLast());
      assertThat(page.errors()).isEmpty();
      Path folder = Files.createDirectories(Path.of("target", "screenshots"));
      Files.write(folder.resolve("listen-" + kind.option() + ".png"), page.screenshot());
    } finally {
      Site.front(true).withdraw(path);
    }
  }
}
