import { BirdSpeaker } from "../../src/lab/speakers/bird.ts";
import { ExabgpSpeaker } from "../../src/lab/speakers/exabgp.ts";
import { FrrSpeaker } from "../../src/lab/speakers/frr.ts";
import { GobgpSpeaker } from "../../src/lab/speakers/gobgp.ts";
import { OpenbgpdSpeaker } from "../../src/lab/speakers/openbgpd.ts";
import type { SpeakerFactory } from "./interop-segment.ts";

export const bird: SpeakerFactory = (lab, plan) => new BirdSpeaker(lab, plan);
export const frr: SpeakerFactory = (lab, plan) => new FrrSpeaker(lab, plan);
export const gobgp: SpeakerFactory = (lab, plan) => new GobgpSpeaker(lab, plan);
export const exabgp: SpeakerFactory = (lab, plan) => new ExabgpSpeaker(lab, plan);
export const openbgpd: SpeakerFactory = (lab, plan) => new OpenbgpdSpeaker(lab, plan);
