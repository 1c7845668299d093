"""From a measurement to a better model: what is learned, what is watched, what is only tested."""
