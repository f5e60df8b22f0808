package timedtext_test

const (
	legacyEncodings = "mbunkus/mkvtoolnix#1579, popcorn-android#31, morpheus65535/bazarr#38, xbmc#24914"
	oneByte         = "mpc-hc/mpc-hc#69; Unicode Standard 3.9: a wrong byte is one U+FFFD"
)

var utf16Cues = []wanted{at(1, 2, "橋は 落ちた"), at(3, 4, "誰が見た")}

var encodingCases = []textCase{
	{file: "r04_badbyte_fr.srt", language: "fr", encoding: "utf-8", cues: []wanted{at(1, 2, "Le château près de la forêt"), at(3, 4, "Ça va, garçon \ufffd")},
		reports: []string{"bytes that are not utf-8, each shown as �: 1"}, source: oneByte},
	{file: "r04_badbyte_ja.srt", language: "ja", encoding: "utf-8", cues: []wanted{at(1, 2, "川の向こうで待っている"), at(3, 4, "橋は落ちた \ufffd")}, source: oneByte},
	{file: "r04b_bom_badbyte_ru.srt", language: "ru", encoding: "utf-8", cues: []wanted{at(1, 2, "Поезд уходит в полночь"), at(3, 4, "Жди меня у моста \ufffd")}, source: oneByte},
	{file: "r05_utf16le_bom.srt", language: "ja", encoding: "utf-16le", cues: utf16Cues, source: "ripose-jp/Memento#170"},
	{file: "r05_utf16le_nobom.srt", language: "ja", encoding: "utf-16le", cues: utf16Cues, source: "ripose-jp/Memento#170"},
	{file: "r05_utf16be_nobom.srt", language: "ja", encoding: "utf-16be", cues: utf16Cues, source: "ripose-jp/Memento#170"},
	{file: "r06_1250_sr.srt", language: "sr-Latn", encoding: "windows-1250", cues: []wanted{at(1, 2, "Čekaj me kod mosta, šuma je žuta")}, source: "pannal/Sub-Zero#410, ukdtom/SRT2UTF-8#45"},
	{file: "r06_1250_sr.srt", language: "sr", encoding: "windows-1250", cues: []wanted{at(1, 2, "Čekaj me kod mosta, šuma je žuta")}, source: "pannal/Sub-Zero#410, ukdtom/SRT2UTF-8#45"},
	{file: "r06_8859_2_pl.srt", language: "pl", encoding: "iso-8859-2", cues: []wanted{at(1, 2, "śnieg pada w górach, źle idą ścieżką")}, source: legacyEncodings},
	{file: "r06_8859_5_ru.srt", language: "ru", encoding: "iso-8859-5", cues: []wanted{at(1, 2, "Поезд уходит в полночь")}, source: legacyEncodings},
	{file: "r06_koi8_ru.srt", language: "ru", encoding: "koi8-r", cues: []wanted{at(1, 2, "Поезд уходит в полночь")}, source: legacyEncodings},
	{file: "r06_8859_7_el.srt", language: "el", encoding: "iso-8859-7", cues: []wanted{at(1, 2, "Άνοιξε την πόρτα, Άννα")}, source: legacyEncodings},
	{file: "r06_big5_zh.srt", language: "zh-Hant", encoding: "big5", cues: []wanted{at(1, 2, "門被鎖了，誰在那裡")}, source: practice},
	{file: "r06_big5_zh.srt", language: "zh", encoding: "big5", cues: []wanted{at(1, 2, "門被鎖了，誰在那裡")}, source: practice},
	{file: "r06_euckr_ko.srt", language: "ko", encoding: "euc-kr", cues: []wanted{at(1, 2, "다리에서 기다릴게")}, source: practice},
	{file: "r06_sjis_ja.srt", language: "ja", encoding: "shift_jis", cues: []wanted{at(1, 2, "橋は落ちた")}, source: practice},
	// Without a declared language, the same text is read the same.
	{file: "r04_badbyte_fr.srt", encoding: "utf-8", cues: []wanted{at(1, 2, "Le château près de la forêt"), at(3, 4, "Ça va, garçon \ufffd")}, source: oneByte},
	{file: "r06_8859_2_pl.srt", cues: []wanted{at(1, 2, "śnieg pada w górach, źle idą ścieżką")}, source: legacyEncodings},
	{file: "r06_8859_5_ru.srt", cues: []wanted{at(1, 2, "Поезд уходит в полночь")}, source: legacyEncodings},
	{file: "r06_koi8_ru.srt", cues: []wanted{at(1, 2, "Поезд уходит в полночь")}, source: legacyEncodings},
	{file: "r06_8859_7_el.srt", cues: []wanted{at(1, 2, "Άνοιξε την πόρτα, Άννα")}, source: legacyEncodings},
	{file: "r06_1250_sr.srt", cues: []wanted{at(1, 2, "Čekaj me kod mosta, šuma je žuta")}, source: "pannal/Sub-Zero#410"},
	{file: "r06_euckr_ko.srt", cues: []wanted{at(1, 2, "다리에서 기다릴게")}, source: practice},
	{file: "r06_sjis_ja.srt", cues: []wanted{at(1, 2, "橋は落ちた")}, source: practice},
	{file: "r06_big5_zh.srt", cues: []wanted{at(1, 2, "門被鎖了，誰在那裡")}, source: practice},
}
