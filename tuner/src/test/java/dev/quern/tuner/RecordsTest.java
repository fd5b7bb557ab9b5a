package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.schedule.Features;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordsTest {
  private static final String GOOD =
      "{\"version\":1,\"kernel\":\"matmul k=384 n=1152\",\"bucket\":\"33-128\","
          + "\"device\":\"v8-simd-fma-t2\","
          + "\"schedule\":\"mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n\","
          + "\"seconds\":0.000123,\"samples\":24,\"engine\":\"0.1.0\","
          + "\"browser\":\"Chromium 156\"}";

  @Test
  void roundTrips() {
    TuningRecord record = TuningRecord.parse(GOOD);
    assertThat(record.bucket()).isEqualTo(RowBucket.HUNDRED);
    assertThat(record.schedule().mr()).isEqualTo(6);
    assertThat(record.seconds()).isEqualTo(0.000123);
    assertThat(record.json()).isEqualTo(GOOD);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"version\":1|\"version\":2|'version'",
        "\"kernel\":\"matmul k=384 n=1152\",||'kernel'",
        "\"bucket\":\"33-128\"|\"bucket\":\"33-129\"|33-129",
        "mr=6|mr=six|mr=six",
        "order=n|order=q|order=q",
        "kc=384 ||kc",
        "0.000123|-1|'seconds'",
        "0.000123|\"fast\"|'seconds'",
        "\"samples\":24|\"samples\":2.5|'samples'",
        "\"engine\":\"0.1.0\"|\"engine\":\"0.1.0\",\"code\":\"x\"|'code'",
        "}|,|not JSON",
        "Chromium 156|Chromium\\n156|'browser'",
      })
  void refusesWhatIsWrongAndNamesIt(String from, String to, String named) {
    String wrong = GOOD.replace(from, to == null ? "" : to);
    assertThat(wrong).isNotEqualTo(GOOD);
    assertThatThrownBy(() -> TuningRecord.parse(wrong))
        .isInstanceOf(RecordException.class)
        .hasMessageContaining(named);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[1,]",
        "{\"a\":1,\"a\":2}",
        "01",
        "1.",
        "-",
        "1e",
        "1e999",
        "\"\\x\"",
        "\"\\u12\"",
        "nul",
        "[1] 2",
        "{a:1}",
        "\"open",
        "\u0001"
      })
  void jsonIsStrict(String text) {
    assertThatThrownBy(() -> Json.read(text))
        .isInstanceOf(RecordException.class)
        .hasMessageContaining("not JSON");
  }

  @Test
  void deepJsonIsRefusedNotFollowed() {
    assertThatThrownBy(() -> Json.read("[".repeat(100_000))).hasMessageContaining("deeper");
  }

  @ParameterizedTest
  @ValueSource(
      doubles = {
        0, 1, -1, 0.5, 1e-9, 0.000123, 123456789, 1e20, 1.5e-30, 3600, -2.25, 0.1, 99.99, 1e300
      })
  void numbersRoundTrip(double value) {
    String text = Json.number(value);
    assertThat(Double.parseDouble(text)).isCloseTo(value, within(value));
    assertThat((Double) Json.read(text)).isCloseTo(value, within(value));
  }

  private static org.assertj.core.data.Offset<Double> within(double value) {
    return org.assertj.core.data.Offset.offset(Math.abs(value) * 1e-8);
  }

  @Test
  void textSurvives() {
    String nasty = "quote \" backslash \\ newline \n tab \t bell \u0007 and é";
    assertThat(Json.read(Json.write(nasty))).isEqualTo(nasty);
  }

  @Test
  void theBookKeepsTheBestAndReportsTheRest() {
    RecordBook book = new RecordBook("v8-simd-t2", new Features(false, true));
    TuningRecord base =
        TuningRecord.parse(GOOD.replace("simd-fma", "simd").replace("fma=1", "fma=0"));
    assertThat(book.add(TuningRecord.parse(GOOD), RecordBook.Origin.SERVER)).isFalse();
    assertThat(book.takeRefusals().get(0).reason()).contains("v8-simd-fma-t2").contains("fma=1");

    TuningRecord faster = with(base, 0.0001, 8);
    TuningRecord slower = with(base, 0.0002, 12);
    assertThat(book.add(base, RecordBook.Origin.SERVER)).isTrue();
    assertThat(book.add(slower, RecordBook.Origin.SERVER)).isFalse();
    assertThat(book.add(faster, RecordBook.Origin.SERVER)).isTrue();
    assertThat(book.find(base.kernel(), base.bucket()).record()).isEqualTo(faster);
    // What was measured here counts, whatever strangers claim.
    assertThat(book.add(slower, RecordBook.Origin.OWN)).isTrue();
    assertThat(book.add(faster, RecordBook.Origin.SERVER)).isFalse();
    assertThat(book.find(base.kernel(), base.bucket()).record()).isEqualTo(slower);

    RecordBook other = new RecordBook("v8-simd-t2", new Features(false, true));
    other.addAll(book.json(), RecordBook.Origin.OWN);
    assertThat(other.entries()).hasSize(1);
    other.addAll("[{\"version\":7}]", RecordBook.Origin.SERVER);
    assertThat(other.takeRefusals()).hasSize(1);
  }

  private static TuningRecord with(TuningRecord base, double seconds, int nr) {
    Schedule schedule = base.schedule();
    return new TuningRecord(
        base.kernel(),
        base.bucket(),
        base.device(),
        new Schedule(4, nr, 48, nr * 10, 384, 2, false, schedule.order()),
        seconds,
        base.samples(),
        base.engine(),
        base.browser());
  }

  @Test
  void profilesRoundTrip() {
    DeviceProfile profile =
        new DeviceProfile(
            "v8-simd-fma-t2",
            new Features(true, true),
            0.005,
            15,
            true,
            54.5,
            48 << 10,
            2 << 20,
            2,
            List.of("L2 was not measured."));
    assertThat(DeviceProfile.parse(profile.json())).isEqualTo(profile);
    assertThatThrownBy(() -> DeviceProfile.parse(profile.json().replace("\"fma\":true,", "")))
        .hasMessageContaining("'fma'");
  }

  @Test
  void classKeysHoldOnlyStableBits() {
    assertThat(ClassKey.of("v8", new Features(true, true), 2)).isEqualTo("v8-simd-fma-t2");
    assertThat(ClassKey.of("jsc", Features.BASELINE, 1)).isEqualTo("jsc-simd-t1");
    assertThat(ClassKey.of("v8", new Features(true, true), 3)).isEqualTo("v8-simd-fma-t4");
    assertThat(ClassKey.of("v8", new Features(true, true), 100)).isEqualTo("v8-simd-fma-t32");
    assertThatThrownBy(() -> ClassKey.of("V8!", Features.BASELINE, 1)).hasMessageContaining("V8!");
  }
}
