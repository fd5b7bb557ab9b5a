package dev.quern.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AcceptEncodingTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "br",
        "gzip, deflate, br, zstd",
        "BR",
        "br;q=0.5",
        "*",
        "br;q=0.5, identity;q=0.5",
        "gzip;q=1.0, br;q=0.1",
        "identity;q=0, *;q=0.2"
      })
  void brotli(String header) {
    assertThat(AcceptEncoding.prefersBrotli(header)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "gzip",
        "identity",
        "br;q=0",
        "br;q=0, *",
        "br;q=0.2, identity;q=0.9",
        "br;q=x",
        "*;q=0",
        "br;q=7"
      })
  void identity(String header) {
    assertThat(AcceptEncoding.prefersBrotli(header)).isFalse();
  }

  @Test
  void withoutTheHeaderTheBytesThemselves() {
    assertThat(AcceptEncoding.prefersBrotli(null)).isFalse();
  }
}
