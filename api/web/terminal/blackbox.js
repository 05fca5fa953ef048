/**
 * What is left to the black box that is in the cab already, when `cab_sound` is "extra".
 *
 * The box sounds load and moment by its standard (JGJ 332), and says in every frame what it sounds. So of these rules
 * our pre-warning is quiet where the box tells its own, and our alarm is quiet while the box's own alarm is on. Where
 * the box says nothing of itself, or does not alarm when we do, ours sounds: a double sound is a nuisance, none can kill.
 * A snag, a zone, the wind's time to land, lost monitoring: no box sounds these, so they always sound.
 */

// Bits of device_alarm and device_prewarn (telemetry/kinds.py, DEVICE_ALARM_BITS), by our rule. Not by hazard: a
// caught hook is of the hazard load, and no box's overload alarm says it.
const BITS = { wind: 1, load: 2 | 8, moment: 2 | 8, tilt: 16, zone: 32 };
const STANDARD = new Set(["load", "moment"]);

/** Whether this alarm's sound is the box's business at this moment; `values` are those of the last frame. */
export function boxSounds(alarm, values) {
  const bits = BITS[alarm.rule];
  if (!bits || !values) return false;
  const { device_alarm: red, device_prewarn: amber } = values;
  if ((red ?? 0) & bits) return true;
  if (alarm.cab !== "pulse" || amber == null) return false;
  return STANDARD.has(alarm.rule) || Boolean(amber & bits);
}
