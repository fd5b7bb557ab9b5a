package dev.quern.tuner;

import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * The search for one kernel and bucket: a state machine that does one small piece of work at a
 * time. A candidate is installed, checked, warmed and then timed against the incumbent, in idle
 * slices and in inferences; a wrong one is refused, a slower one dropped, and a faster one has to
 * win twice.
 */
final class SiteSearch {
  private enum Phase {
    /** The incumbent is run until the engine has optimised it. */
    WARM_INCUMBENT,
    /** The incumbent is timed against itself: that is the noise. */
    NOISE,
    /** Takes the next candidate. */
    NEXT,
    CHECK,
    WARM,
    MEASURE,
    /** A winner's second measurement, with samples of its own. */
    CONFIRM,
    DONE
  }

  /** Samples of the incumbent against itself that a decision needs. */
  private static final int NOISE_SAMPLES = 5;

  /** Samples after which a hopeless candidate is dropped, and after which any is judged. */
  private static final int EARLY = 3;

  /** Samples whose median is believed. */
  private static final int TRUSTED = 5;

  private static final int ENOUGH = 7;

  /** A gain below this is not worth a swap. */
  private static final double LEAST_GAIN = 0.015;

  /** In standard errors of the median; dozens of candidates are tried, each twice. */
  private static final double SURE = 3;

  /** A tile that is this much slower (as a logarithm) takes its variants with it. */
  private static final double HOPELESS = 0.12;

  /** Steps of the clock that a sample lasts at least. */
  private static final int CLOCK_STEPS = 50;

  private static final double WARM_SECONDS = 0.012;
  private static final double WARM_MOST_SECONDS = 0.08;
  private static final double CHUNK_SECONDS = 0.003;

  /** The longest that one side of a pair is repeated without a break, for a coarse clock. */
  private static final double LONGEST_SIDE = 0.005;

  /** A step that takes longer than this does not fit an idle slice: inferences alone time it. */
  private static final double TOO_LONG = 0.04;

  /** Slices in a row that may have been too short before the search no longer counts on any. */
  private static final int MOST_MISFITS = 30;

  private final TunableModel model;
  private final TunableModel.Kernel kernel;
  private final RowBucket bucket;
  private final double clockSeconds;
  private final double sampleSeconds;
  private final int patience;
  private final List<Schedule> queue;
  private final Verdicts verdicts;

  private Phase phase = Phase.WARM_INCUMBENT;
  private Schedule incumbent;
  private Schedule candidate;
  private Check check;
  private Check.Run checking;

  private final Samples idleNoise = new Samples(15);
  private final Samples liveNoise = new Samples(15);
  private final Samples idle = new Samples(ENOUGH);
  private final Samples live = new Samples(ENOUGH);
  private final Samples incumbentSeconds = new Samples(15);
  private final Samples candidateSeconds = new Samples(15);
  private final Samples lived = new Samples(7);
  private final Pairing idlePair = new Pairing();
  private final Pairing livePair = new Pairing();
  private final Pairing liveNoisePair = new Pairing();

  private TunableModel.Site site;
  private double stepSeconds = Double.NaN;
  private double warmed;
  private double warmBest;
  private int turn;
  private int position;
  private boolean noiseTurn;
  private double firstSide;
  private double secondSide;
  private int liveLayer = -1;
  private int liveTurn;
  private int tried;
  private int fruitless;
  private int samples;
  private double spent;
  private int misfits;

  /** What a search tells its tuner. */
  interface Verdicts {
    /** A candidate has won: it is adopted already. */
    void won(SiteSearch search, Schedule previous, double ratio);

    /** A candidate was wrong or could not be installed. */
    void refused(SiteSearch search, Schedule schedule, String reason);

    /** Nothing is left to try. */
    void finished(SiteSearch search);
  }

  /**
   * @param queue candidates in order
   * @param clockSeconds the step of the clock
   * @param patience candidates in a row that may fail before the search ends
   */
  SiteSearch(
      TunableModel model,
      TunableModel.Kernel kernel,
      RowBucket bucket,
      List<Schedule> queue,
      double clockSeconds,
      int patience,
      Verdicts verdicts) {
    this.model = model;
    this.kernel = kernel;
    this.bucket = bucket;
    this.queue = new ArrayList<>(queue);
    this.clockSeconds = clockSeconds;
    this.sampleSeconds = CLOCK_STEPS * clockSeconds;
    this.patience = patience;
    this.verdicts = verdicts;
    this.incumbent = model.schedule(kernel, bucket);
  }

  TunableModel.Kernel kernel() {
    return kernel;
  }

  RowBucket bucket() {
    return bucket;
  }

  Schedule incumbent() {
    return incumbent;
  }

  boolean done() {
    return phase == Phase.DONE;
  }

  /** Candidates that were taken so far. */
  int tried() {
    return tried;
  }

  /** Candidates that are still waiting. */
  int left() {
    return done() ? 0 : queue.size() + (candidate == null ? 0 : 1);
  }

  /** Paired samples taken so far, all candidates together. */
  int samples() {
    return samples;
  }

  /** Median wall seconds of one step with the incumbent; NaN if it was not measured. */
  double seconds() {
    return incumbentSeconds.count() == 0 ? stepSeconds : incumbentSeconds.median();
  }

  /** Puts a schedule before all others; ends a rest. */
  void suggest(Schedule schedule) {
    if (schedule.equals(incumbent) || schedule.equals(candidate)) {
      return;
    }
    queue.remove(schedule);
    queue.add(0, schedule);
    fruitless = 0;
    if (phase == Phase.DONE) {
      phase = Phase.WARM_INCUMBENT;
      warmed = 0;
      spent = 0;
    }
  }

  /** The incumbent was changed from outside, by a record. */
  void incumbentChanged(Schedule schedule) {
    drop();
    queue.remove(schedule);
    incumbent = schedule;
    incumbentSeconds.clear();
    phase = phase == Phase.DONE ? Phase.DONE : Phase.WARM_INCUMBENT;
    warmed = 0;
  }

  /** Counts idle seconds; the search ends when it has had its share of them. */
  void spend(double seconds, double most) {
    spent += seconds;
    if (spent >= most) {
      stop();
    }
  }

  /** Ends the search; what it has found stays. */
  void stop() {
    if (phase != Phase.DONE) {
      drop();
      finish();
    }
  }

  /**
   * Does one piece of work outside an inference.
   *
   * @param now the site's steps in the present program
   * @param slack seconds that are left of the slice
   * @return false if the next piece does not fit into what is left
   */
  boolean idleStep(TunableModel.Site now, double slack) {
    arrive(now);
    switch (phase) {
      case WARM_INCUMBENT -> {
        if (tooLong()) {
          phase = Phase.NEXT;
        } else if (!fits(CHUNK_SECONDS, slack)) {
          return false;
        } else if (warm(incumbent)) {
          phase = Phase.NOISE;
        }
      }
      case NOISE -> {
        if (tooLong() || idleNoise.count() >= NOISE_SAMPLES) {
          phase = Phase.NEXT;
        } else {
          noiseTurn = true;
          return pair(slack);
        }
      }
      case NEXT -> next();
      case CHECK -> check();
      case WARM -> {
        if (tooLong()) {
          phase = Phase.MEASURE;
        } else if (!fits(CHUNK_SECONDS, slack)) {
          return false;
        } else if (warm(candidate)) {
          phase = Phase.MEASURE;
        }
      }
      case MEASURE, CONFIRM -> {
        return !tooLong() && pair(slack);
      }
      case DONE -> {
        return false;
      }
    }
    return true;
  }

  private void arrive(TunableModel.Site now) {
    if (!now.equals(site)) {
      // Other shapes: a pair must not mix them, and a step takes another time.
      site = now;
      stepSeconds = Double.NaN;
      misfits = 0;
      lived.clear();
      clearPairs();
    }
  }

  private void clearPairs() {
    position = 0;
    firstSide = 0;
    secondSide = 0;
    idlePair.clear();
    livePair.clear();
    liveNoisePair.clear();
  }

  private boolean fits(double aim, double slack) {
    boolean fits = Double.isNaN(stepSeconds) || Math.max(aim, stepSeconds) <= slack;
    misfits = fits ? 0 : misfits + 1;
    return fits;
  }

  /** Whether idle slices cannot hold a run of the step. */
  private boolean tooLong() {
    return stepSeconds > TOO_LONG || misfits > MOST_MISFITS;
  }

  private void next() {
    candidate = null;
    noiseTurn = false;
    if (queue.isEmpty() || fruitless >= patience) {
      finish();
      return;
    }
    candidate = queue.remove(0);
    tried++;
    try {
      model.install(kernel, candidate);
    } catch (MachineException | IllegalArgumentException failed) {
      refuse("cannot be installed: " + failed.getMessage());
      return;
    }
    if (check == null) {
      check = new Check(model, kernel);
    }
    checking = check.start(candidate);
    phase = Phase.CHECK;
  }

  private void check() {
    checking.step();
    if (checking.reason() != null) {
      refuse(checking.reason());
    } else if (checking.done()) {
      phase = Phase.WARM;
      warmed = 0;
    }
  }

  private void refuse(String reason) {
    Schedule wrong = candidate;
    drop();
    verdicts.refused(this, wrong, reason);
  }

  /** Lets go of the candidate. */
  private void drop() {
    if (candidate != null) {
      model.discard(kernel, candidate);
      candidate = null;
      fruitless++;
    }
    checking = null;
    idle.clear();
    live.clear();
    candidateSeconds.clear();
    clearPairs();
    liveLayer = -1;
    if (phase != Phase.DONE) {
      phase = Phase.NEXT;
    }
  }

  private void finish() {
    phase = Phase.DONE;
    check = null;
    queue.clear();
    verdicts.finished(this);
  }

  /** Runs a schedule for a few milliseconds; true once it no longer gets faster. */
  private boolean warm(Schedule schedule) {
    int step = site.steps().get(turn % site.steps().size());
    int times = times(CHUNK_SECONDS);
    double total = run(step, schedule, times);
    if (Double.isNaN(total)) {
      return false;
    }
    double seconds = Math.max(total, clockSeconds) / times;
    boolean settled = warmed >= WARM_SECONDS && seconds > 0.9 * warmBest;
    warmBest = warmed == 0 ? seconds : Math.min(warmBest, seconds);
    warmed += Math.max(total, clockSeconds);
    if (schedule.equals(incumbent)) {
      stepSeconds = warmBest;
    }
    turn++;
    return settled || warmed >= WARM_MOST_SECONDS;
  }

  /** How often the step has to run for about so many seconds. */
  private int times(double seconds) {
    return Double.isNaN(stepSeconds)
        ? 1
        : (int) Math.max(1, Math.min(1000, seconds / Math.max(stepSeconds, 1e-7)));
  }

  /** Wall seconds of several runs of a step; NaN if the candidate was refused for failing. */
  private double run(int step, Schedule schedule, int times) {
    try {
      model.setSchedule(step, schedule);
      return model.runStep(step, times);
    } catch (MachineException failed) {
      if (schedule.equals(incumbent)) {
        throw failed;
      }
      model.setSchedule(step, incumbent);
      refuse("fails on the model's data: " + failed.getMessage());
      return Double.NaN;
    } finally {
      model.setSchedule(step, incumbent);
    }
  }

  /**
   * One of the four runs of a turn: candidate on one layer, incumbent on the next, then the other
   * way round, so that neither the layers nor what is in the caches favour a side.
   */
  private boolean pair(double slack) {
    double aim = Math.min(sampleSeconds / 4, LONGEST_SIDE);
    if (!fits(aim, slack)) {
      return false;
    }
    List<Integer> steps = site.steps();
    // Turn about: first or second side begins, so that being first favours neither.
    boolean first = (position == 0 || position == 3) == (turn % 2 == 0);
    int layer = turn + position % 2;
    int times = times(aim);
    Schedule schedule = first && !noiseTurn ? candidate : incumbent;
    double seconds = run(steps.get(layer % steps.size()), schedule, times);
    if (Double.isNaN(seconds)) {
      return true;
    }
    if (first) {
      firstSide += seconds;
    } else {
      secondSide += seconds;
    }
    position++;
    if (position == 4) {
      idlePair.add(firstSide, secondSide, 2 * times);
      position = 0;
      firstSide = 0;
      secondSide = 0;
      turn++;
      if (idlePair.lasted(sampleSeconds)) {
        idleSample();
      }
    }
    return true;
  }

  private void idleSample() {
    double ratio = idlePair.logRatio();
    incumbentSeconds.add(idlePair.secondSeconds());
    if (noiseTurn) {
      idleNoise.add(ratio);
    } else {
      idle.add(ratio);
      candidateSeconds.add(idlePair.firstSeconds());
      samples++;
    }
    idlePair.clear();
    if (phase == Phase.MEASURE || phase == Phase.CONFIRM) {
      boolean measured = !noiseTurn;
      // Every fifth sample keeps the noise up to date.
      noiseTurn = idle.count() % 4 == 3 && measured;
      if (measured) {
        decide(idle, idleNoise);
      }
    }
  }

  private void decide(Samples ratios, Samples noise) {
    int count = ratios.count();
    if (noise.count() < NOISE_SAMPLES || count < EARLY) {
      return;
    }
    // Of the first few samples several may be spoilt: all of them have to agree.
    double ratio = count < TRUSTED ? ratios.least() : ratios.median();
    if (ratio > Math.max(0.04, SURE * noise.noise(count))) {
      if (ratio > HOPELESS) {
        dropTile(candidate);
      }
      drop();
    } else if (count >= ENOUGH) {
      if (ratio >= -Math.max(LEAST_GAIN, SURE * noise.noise(ENOUGH))) {
        drop();
      } else if (phase == Phase.MEASURE) {
        phase = Phase.CONFIRM;
        idle.clear();
        live.clear();
      } else {
        win(Math.exp(-ratio));
      }
    }
  }

  private void dropTile(Schedule slow) {
    for (int i = queue.size() - 1; i >= 0; i--) {
      if (queue.get(i).mr() == slow.mr() && queue.get(i).nr() == slow.nr()) {
        queue.remove(i);
      }
    }
  }

  private void win(double ratio) {
    Schedule previous = incumbent;
    Schedule winner = candidate;
    model.adopt(kernel, bucket, winner);
    incumbent = winner;
    candidate = null;
    double seconds = candidateSeconds.median();
    drop();
    model.discard(kernel, previous);
    incumbentSeconds.clear();
    incumbentSeconds.add(seconds);
    stepSeconds = seconds;
    fruitless = 0;
    // Its own variants are now the likeliest.
    int front = 0;
    for (int i = 0; i < queue.size(); i++) {
      Schedule schedule = queue.get(i);
      if (schedule.mr() == winner.mr() && schedule.nr() == winner.nr()) {
        queue.remove(i);
        queue.add(front++, schedule);
      }
    }
    verdicts.won(this, previous, ratio);
  }

  /** Puts the candidate into one layer of the coming inference, if it has come that far. */
  void beforeRun(TunableModel.Site now) {
    arrive(now);
    liveLayer = -1;
    if ((phase == Phase.MEASURE || phase == Phase.CONFIRM) && now.steps().size() > 1) {
      liveLayer = liveTurn % now.steps().size();
      model.setSchedule(now.steps().get(liveLayer), candidate);
    }
  }

  /**
   * Takes the times of an inference and puts the incumbent back.
   *
   * @param complete false if the inference was cancelled or failed
   */
  void afterRun(TunableModel.Site now, boolean complete) {
    List<Integer> steps = now.steps();
    int layers = steps.size();
    int layer = liveLayer;
    liveLayer = -1;
    if (layer >= 0) {
      model.setSchedule(steps.get(layer), incumbent);
    }
    if (!complete || phase == Phase.DONE) {
      return;
    }
    double first = model.stepSeconds(steps.get(0));
    if (first > 0 && layer != 0) {
      lived.add(first);
    }
    if (lived.count() > 0 && (Double.isNaN(stepSeconds) || phase == Phase.WARM_INCUMBENT)) {
      // The first was not optimised yet, and where thread 0 came late one is far too short. A
      // coarse clock may say 0.
      stepSeconds = Math.max(lived.median(), clockSeconds);
    }
    if (layers < 2) {
      return;
    }
    // One more layer of the same inference plays the candidate's part, with the incumbent: it is
    // never the candidate's, since half the layers lie between.
    int probe = (liveTurn + layers / 2) % layers;
    liveTurn++;
    double rest = 0;
    for (int i = 0; i < layers; i++) {
      double seconds = model.stepSeconds(steps.get(i));
      if (Double.isNaN(seconds)) {
        return;
      }
      rest += i == layer || i == probe ? 0 : seconds;
    }
    double probed = model.stepSeconds(steps.get(probe));
    int others = layers - (layer < 0 ? 1 : 2);
    if (others > 0) {
      liveNoisePair.add(probed, rest / others, 1);
      if (liveNoisePair.lasted(sampleSeconds)) {
        liveNoise.add(liveNoisePair.logRatio());
        liveNoisePair.clear();
      }
    }
    if (layer >= 0) {
      livePair.add(model.stepSeconds(steps.get(layer)), (rest + probed) / (others + 1), 1);
      if (livePair.lasted(sampleSeconds)) {
        liveSample();
      }
    }
  }

  private void liveSample() {
    live.add(livePair.logRatio());
    candidateSeconds.add(livePair.firstSeconds());
    incumbentSeconds.add(livePair.secondSeconds());
    livePair.clear();
    samples++;
    decide(live, liveNoise);
  }
}
