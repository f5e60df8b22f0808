// Package palette is the algorithm that names the colours of each shot, and says how light a shot is. The algorithm needs no model: a colour is named by
// its hue, chroma and lightness in CIELAB.
//
// The contract of an annotation:
//
//   - Kind "palette": the label is up to four names of colours, the largest first: "green, dark green, sky blue". A shot without colours is "black and
//     white", a shot in browns alone is "sepia". Attribute "brightness" is the mean lightness of the shot, 0..1; "chroma" is the mean chroma, 0..1;
//     "shares" are the shares of the named colours.
//   - Kind "light": the label is "night", "day" or "dusk": by rule, from how light the picture and its lightest parts are, and whether the picture is
//     blue or orange. Confidence is how far the picture is from the rule's border. A dark room counts as night.
//   - Interval: the shot. Attribute "shot": the identity of the shot.
package palette
