// Package transcript is the algorithm that writes down the speech of a film: whisper-base over the stretches in which the algorithm sounds hears speech.
// Lines are searched by the leaf "dialogue", beside subtitles, and by the leaf "heard" alone, so that a film without subtitles can be searched by its words.
//
// The contract:
//
//   - Kind "transcript": a line of speech with text, language and the times of the first and the last word. A line ends with a sentence, at a pause, or
//     after twelve seconds at the latest. Confidence is the mean probability of the line's words.
//   - Attribute "track": the index of the sound track. The first sound track is written down.
//   - Attribute "words": the words of the line. Attribute "word_starts": the start of each word, in milliseconds of the film.
//   - The language of each window of at most 28 s of speech is detected.
//   - Speech in which the model hears nobody, or guesses, gives no line.
package transcript
