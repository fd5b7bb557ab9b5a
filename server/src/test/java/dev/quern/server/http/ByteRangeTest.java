package dev.quern.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteRangeTest {
  @ParameterizedTest
  @CsvSource({
    "bytes=0-0, 0, 0",
    "bytes=0-99, 0, 99",
    "bytes=10-, 10, 99",
    "bytes=10-1000, 10, 99",
    "bytes=-1, 99, 99",
    "bytes=-1000, 0, 99",
    "bytes=5-99999999999999999999999, 5, 99",
    "Bytes=3-4, 3, 4"
  })
  void oneRange(String header, long first, long last) {
    assertThat(ByteRange.parse(header, 100)).contains(List.of(new ByteRange(first, last)));
  }

  @Test
  void rangesThatTouchAreMergedAndSorted() {
    assertThat(ByteRange.parse("bytes=50-59, 0-9,10-19 ,55-70", 100))
        .contains(List.of(new ByteRange(0, 19), new ByteRange(50, 70)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-,300-"})
  void noneCanBeSatisfied(String header) {
    assertThat(ByteRange.parse(header, 100)).contains(List.of());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lines=0-1",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-3",
        "bytes=1",
        "bytes=0-1,",
        "bytes=--1",
        "bytes=0x1-2",
        "bytes"
      })
  void malformedIsIgnored(String header) {
    assertThat(ByteRange.parse(header, 100)).isEmpty();
  }

  @Test
  void tooManyAreIgnoredAndNothingFitsAnEmptyFile() {
    StringBuilder many = new StringBuilder("bytes=0-0");
    for (int i = 1; i < 20; i++) {
      many.append(",").append(2 * i).append("-").append(2 * i);
    }
    assertThat(ByteRange.parse(many.toString(), 100)).isEmpty();
    assertThat(ByteRange.parse("bytes=-5", 0)).isEqualTo(Optional.of(List.of()));
    assertThat(ByteRange.parse(null, 100)).isEmpty();
  }
}
