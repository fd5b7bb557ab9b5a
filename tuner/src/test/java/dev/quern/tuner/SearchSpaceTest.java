package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.schedule.Features;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class SearchSpaceTest {
  private static final DeviceProfile PROFILE =
      DeviceProfile.guess("v8", new Features(true, true), 2);

  @Test
  void theKernelsOfMiniLmHaveThousandsOfSchedulesAndDozensOfCandidates() {
    System.out.print(SpacePrinter.table(SpacePrinter.MINILM, PROFILE));
    for (SpacePrinter.Size size : SpacePrinter.MINILM) {
      for (RowBucket bucket : RowBucket.values()) {
        SearchSpace space = new SearchSpace(size.k(), size.n(), bucket, PROFILE);
        List<Schedule> pruned = space.pruned();
        assertThat(space.rawSize()).isGreaterThan(1000);
        assertThat(pruned.size()).isBetween(10, 60);
        assertThat(new HashSet<>(pruned)).hasSameSizeAs(pruned);
        assertThat(pruned).doesNotContain(space.heuristic());
        for (Schedule schedule : pruned) {
          assertThat(schedule.problems(PROFILE.features())).as(schedule.text()).isEmpty();
          assertThat(schedule.registers()).isLessThanOrEqualTo(15);
        }
      }
    }
  }

  @Test
  void holdsTheTilesThatMeasuredBestNotTheOnesThatSpill() {
    List<Schedule> pruned = new SearchSpace(384, 1536, RowBucket.HUNDRED, PROFILE).pruned();
    assertThat(tiles(pruned)).contains("6x8", "5x8", "3x12", "2x16").doesNotContain("4x12");
  }

  @Test
  void moreRegistersAllowLargerTiles() {
    DeviceProfile arm =
        new DeviceProfile(
            "v8-simd-fma-t4",
            PROFILE.features(),
            0.005,
            31,
            true,
            60,
            64 << 10,
            1 << 20,
            4,
            List.of());
    SearchSpace space = new SearchSpace(384, 1536, RowBucket.HUNDRED, arm);
    assertThat(space.heuristic().registers()).isGreaterThan(20);
    assertThat(tiles(space.pruned())).doesNotContain("2x8");
  }

  @Test
  void withoutFmaNoCandidateUsesIt() {
    DeviceProfile plain = DeviceProfile.guess("jsc", Features.BASELINE, 1);
    for (Schedule schedule : new SearchSpace(384, 384, RowBucket.TENS, plain).pruned()) {
      assertThat(schedule.fma()).isFalse();
    }
  }

  @Test
  void oddSizesHaveLegalCandidates() {
    for (int k : new int[] {1, 5, 33, 129}) {
      for (int n : new int[] {1, 2, 7, 50}) {
        for (RowBucket bucket : RowBucket.values()) {
          SearchSpace space = new SearchSpace(k, n, bucket, PROFILE);
          for (Schedule schedule : space.pruned()) {
            assertThat(schedule.problems(PROFILE.features())).as(schedule.text()).isEmpty();
          }
          assertThat(space.rawSize()).isPositive();
        }
      }
    }
  }

  @Test
  void nnJitsRuleLeavesOneTileOnFifteenRegisters() {
    // registers = mr·(nr/4) + mr + nr/4 of 15: only 4x8 fills 80 to 100 %.
    List<Schedule> pruned = new NnJitSpace(15, 32 << 10).pruned(true);
    assertThat(tiles(pruned)).containsExactly("4x8");
    assertThat(new NnJitSpace(15, 32 << 10).rawSize()).isGreaterThan(1000);
    for (Schedule schedule : pruned) {
      assertThat(schedule.problems(PROFILE.features())).isEmpty();
      int bytes =
          4
              * (schedule.mc() * schedule.kc()
                  + schedule.kc() * schedule.nc()
                  + schedule.mc() * schedule.nc());
      assertThat(bytes).isBetween((int) (0.9 * (32 << 10)), 32 << 10);
    }
  }

  private static HashSet<String> tiles(List<Schedule> schedules) {
    HashSet<String> tiles = new HashSet<>();
    for (Schedule schedule : schedules) {
      tiles.add(schedule.mr() + "x" + schedule.nr());
    }
    return tiles;
  }
}
