package algo

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// Attributes are the typed values of an annotation or an embedding.
type Attributes = map[string]*pb.Value

// Text, Integer, Number and Texts make an attribute's value.
func Text(s string) *pb.Value { return &pb.Value{Kind: &pb.Value_Text{Text: s}} }

// Integer makes a whole number.
func Integer(n int64) *pb.Value { return &pb.Value{Kind: &pb.Value_Integer{Integer: n}} }

// Number makes a number.
func Number(x float64) *pb.Value { return &pb.Value{Kind: &pb.Value_Number{Number: x}} }

// Texts makes a list of texts.
func Texts(s []string) *pb.Value {
	return &pb.Value{Kind: &pb.Value_Texts{Texts: &pb.StringList{Values: s}}}
}
