// Package chapters is the algorithm that reads the text tracks that tell a film without being dialogue: chapters, audio descriptions, and markers of
// editing programs.
//
// The contract of an annotation:
//
//   - Kind "chapter": the text is the chapter's name, of a track with the role "chapters".
//   - Kind "description": the text is what a description tells of the picture, of a track with the role "descriptions".
//   - Kind "marker": the text is the marker's name, note and colour, a line each, of a track with the role "markers". The attributes "name" and "colour"
//     have the two by themselves, and "file" is the name of the file.
//   - The interval, the language and the attributes "track" and "role" are those of a line of dialogue: see package dialogue.
package chapters
