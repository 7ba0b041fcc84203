import { BirdSpeaker } from "../../src/lab/speakers/bird.ts";
import { ExabgpSpeaker } from "../../src/lab/speakers/exabgp.ts";
import { FrrSpeaker } from "../../src/lab/speakers/frr.ts";
import { GobgpSpeaker } from "../../src/lab/speakers/gobgp.ts";
import { OpenbgpdSpeaker } from "../../src/lab/speakers/openbgpd.ts";
import { TortiedSpeaker } from "../../src/lab/speakers/tortied-speaker.ts";
import type { SpeakerFactory } from "./interop-segment.ts";

export const bird: SpeakerFactory = (lab, plan) => new BirdSpeaker(lab, plan);
export const frr: SpeakerFactory = (lab, plan) => new FrrSpeaker(lab, plan);
export const gobgp: SpeakerFactory = (lab, plan) => new GobgpSpeaker(lab, plan);
export const exabgp: SpeakerFactory = (lab, plan) => new ExabgpSpeaker(lab, plan);
export const openbgpd: SpeakerFactory = (lab, plan) => new OpenbgpdSpeaker(lab, plan);

const { TORTIE_INTEROP_HUB: HUB } = process.env;

/** The daemon under test. TORTIE_INTEROP_HUB=bird puts BIRD in its place, which proves the harness and the adapters alone. */
export const hub: SpeakerFactory = (lab, plan) =>
  HUB === "bird" ? new BirdSpeaker(lab, plan) : new TortiedSpeaker(lab, plan);
